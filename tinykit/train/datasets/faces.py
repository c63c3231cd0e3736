"""`faces`: is there a face in a picture of 25 by 25 grey pixels (lfw_subset, as scikit-image ships it).

100 faces drawn at random from Labeled Faces in the Wild and 100 cuts from the background of the same pictures:
G. Huang, M. Mattar, H. Lee, E. Learned-Miller, "Learning to align from scratch", Advances in Neural Information
Processing Systems 25 (2012) 764. Whose face it is, and which cut comes from the picture of which face, is not in the
file: each picture is its own group. 100 train, 20 validate, 80 test, half of each faces, by a fixed seed.
"""

from __future__ import annotations

import io

import numpy as np

from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.packages import find_packaged_file, read_verified
from tinykit.train.datasets.windows import assemble, deal_classes

SHA256 = "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c"
SPLIT_SEED = 20
PER_CLASS = {"train": 50, "validation": 10, "test": 40}


def load_faces() -> Dataset:
    """Pictures [n, 25, 25, 1], grey values 0–1 before normalisation.

    Raises
    ------
    MissingPackageError : scikit-image is not installed.
    DataError : the file is not the one this task was built on.
    """
    carrier = read_card("faces").carrier
    content = read_verified(find_packaged_file("skimage", "data", "lfw_subset.npy", carrier=carrier), SHA256)
    pictures = np.load(io.BytesIO(content)).astype(np.float32)
    y = np.repeat(np.array([1, 0], np.int64), len(pictures) // 2)  # the first half are faces
    return assemble(
        "faces",
        pictures[..., None],
        y,
        deal_classes(y, tuple(PER_CLASS.values()), SPLIT_SEED),
        groups=np.arange(len(y)),
        recordings=np.arange(len(y)),
        classes=("background", "face"),
        rate_hz=None,
        sha256=SHA256,
        source="scikit-image, data/lfw_subset.npy (Huang et al. 2012)",
    )
