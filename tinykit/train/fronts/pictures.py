"""Images made smaller and grey, in whole numbers where they come as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError

LUMA = (77, 150, 29)
"""Of red, green and blue, in 1/256: the luma of ITU-R BT.601."""
_MOST_PIXELS = 1 << 24


def overlaps(pixels: int, side: int) -> NDArray[np.int64]:
    """Whole-number weights [side, pixels] of an area average along one axis; each row sums to `pixels`.

    Pixel p covers [p·side, (p+1)·side), cell i [i·pixels, (i+1)·pixels): the weight is what they share.
    """
    cells, places = np.arange(side)[:, None] * pixels, np.arange(pixels)[None] * side
    shared = np.minimum(cells + pixels, places + side) - np.maximum(cells, places)
    return np.asarray(np.maximum(shared, 0), np.int64)


def shrink(images: NDArray[Any], side: int | None, grey: bool) -> NDArray[np.float32]:
    """Images [n, height, width, channels] as grey and of `side`: bytes rounded to bytes after each step, others not.

    Raises DataError: colours other than red, green and blue, or more pixels than 32 bits of a device can add up.
    """
    height, width, channels = images.shape[1:]
    if (grey and channels not in (1, 3)) or height * width > _MOST_PIXELS:
        most = f"at most {_MOST_PIXELS:,} pixels, grey from 1 or 3 channels"
        raise DataError(f"images of {height} × {width} × {channels}; {most}: crop them first")
    half = images.dtype == np.uint8
    found = images.astype(np.float64)
    if grey and channels == 3:
        found = found @ np.asarray(LUMA, np.float64)[:, None]
        found = np.floor((found + 128) / 256) if half else found / 256
    if side:
        down, across = overlaps(height, side).astype(float), overlaps(width, side).astype(float)
        found = np.einsum("ih,nhwc,jw->nijc", down, found, across, optimize=True)
        area = height * width
        found = np.floor((found + area // 2) / area) if half else found / area
    return found.astype(np.float32)
