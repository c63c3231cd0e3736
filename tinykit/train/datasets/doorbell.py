"""`doorbell`: scenes of 96 × 96 grey pixels composed of pictures that scikit-image carries, from a seed.

Faces and pieces of photographs are pasted through one soft ellipse, in whole numbers: no seam or coat tells anything.
"""

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinykit.train.datasets.card import read_carried
from tinykit.train.datasets.dataset import Dataset, assemble
from tinykit.train.fronts.front import Front

_Picture = NDArray[np.int64]
SIDE, _FACE, _FACES, _SEED, _EACH = 96, 25, 100, 96, 16
_PHOTOGRAPHS = (
    "brick coffee coins color grass ihc moon motorcycle_left page cell text chelsea clock_motion gravel horse"
).split()
_PARTS = (range(60), slice(9)), (range(60, 70), slice(9, 11)), (range(70, 100), slice(11, 15))
"""Of each split the numbers of its faces, and of its photographs."""


def load_doorbell(front: Front | None = None) -> Dataset:
    """Pictures [n, 96, 96, 1], 0–1 before normalisation; a group is a face, or the photograph behind nobody."""
    from PIL import Image  # comes with matplotlib

    names = ("lfw_subset.npy", *(f"{name}.png" for name in _PHOTOGRAPHS))
    (packed, *contents), sha256 = read_carried("doorbell", *(f"skimage/data/{name}" for name in names))
    faces = np.rint(np.load(io.BytesIO(packed))[:_FACES] * 255).astype(np.uint8)
    grey = [Image.open(io.BytesIO(one), formats=("PNG",)).convert("RGB").convert("L") for one in contents]
    sizes = [[np.asarray(one.reduce(n), np.int64) for n in (1, 2, 3) if min(one.size) // n >= SIDE] for one in grey]
    own, rng = list(enumerate(sizes, _FACES)), np.random.default_rng(_SEED)
    drawn = [one for numbers, of in _PARTS for n in numbers for one in _draw(rng, n, faces[n], own[of])]
    pixels, y, owners = (np.array(one) for one in zip(*drawn, strict=True))
    return assemble(
        "doorbell", (front.apply(pixels) if front else pixels.astype(np.float32)) / np.float32(255), y,
        np.split(np.arange(len(y)), [2 * _EACH * numbers.start for numbers, _ in _PARTS[1:]]),
        groups=owners, recordings=owners, sha256=sha256, front=front, classes=("nobody", "someone"),
        source="scikit-image, faces and photographs of skimage/data composed into scenes",
    )  # fmt: skip


def _draw(
    rng: np.random.Generator, number: int, face: NDArray[np.uint8], photographs: list[tuple[int, list[_Picture]]]
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Scenes of a face, and as many of nobody: pixels, which of the two, and the face's number or the photograph's."""
    for turn in range(2 * _EACH):
        (behind, wall), (_, beside) = (photographs[one] for one in rng.integers(len(photographs), size=2))
        scene = _cut(rng, wall, SIDE)
        if turn % 2 or rng.integers(2):
            head = face if turn % 2 else _cut(rng, beside, _FACE).astype(np.uint8)
            _put_figure(rng, scene, head[:, :: rng.choice([-1, 1])], _cut(rng, beside, SIDE))
        side, noise = np.arange(SIDE) * rng.integers(-30, 31) // SIDE, rng.integers(-6, 7, scene.shape)
        shot = np.clip(_light(rng, scene) + side + noise, 0, 255).astype(np.uint8)
        yield shot[..., None], turn % 2, number if turn % 2 else behind


def _cut(rng: np.random.Generator, sizes: list[_Picture], side: int) -> _Picture:
    picture = sizes[rng.integers(len(sizes))]
    top, left = (rng.integers(size - side + 1) for size in picture.shape)
    return picture[top : top + side, left : left + side].copy()


def _light(rng: np.random.Generator, picture: _Picture) -> _Picture:
    return (picture - 128) * rng.integers(200, 300) // 256 + 128 + rng.integers(-25, 26)


def _put_figure(rng: np.random.Generator, scene: _Picture, head: NDArray[np.uint8], cloth: _Picture) -> None:
    """A head of 40 to 80 pixels, four times in five on shoulders in that cloth."""
    from PIL import Image

    size = int(rng.integers(40, 81))
    top, left = rng.integers(0, SIDE - size - 8), rng.integers(0, SIDE - size + 1)
    down, across = np.mgrid[:SIDE, :SIDE]
    if rng.integers(5):
        below, beside = down - top - size * 4 // 5, np.abs(across - left - size // 2)
        inside = (below >= 0) & (beside < np.minimum(size * 3 // 10 + below * 2, size))
        scene[inside] = (cloth[inside] - 128) * rng.integers(20, 200) // 256 + rng.integers(20, 230)
    large = np.asarray(Image.fromarray(head.copy()).resize((size, size)), np.int64)
    from_middle = (2 * np.arange(size) + 1 - size) ** 2
    mask = np.clip(1100 - (1024 * from_middle[:, None] + 1200 * from_middle) // size**2, 0, 256)
    there = scene[top : top + size, left : left + size]
    there += (_light(rng, large) - there) * mask >> 8
