"""Pictures of strangers: PNG, JPEG and PGM or PPM by what their first bytes say, bounded before a pixel is decoded."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Floats
from tinykit.train.fronts.front import Front

SUFFIXES = (".png", ".jpg", ".jpeg", ".pgm", ".ppm")
_FORMATS = ("PNG", "JPEG", "PPM")
_PIXELS = 2**24
_ALL_PIXELS = 2**34  # some minutes of decoding
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L")
_CURE = "save it as an 8-bit PNG or JPEG"


def read_images(paths: Sequence[Path], front: Front | None) -> Floats:
    """Pictures [n, height, width, channels], values 0–1, of the sides and colours that the front makes of each.

    Raises
    ------
    DataError : no such picture, damaged, 16-bit, or larger than the limits; or they differ in size or colours.
    ParameterError : a front of signals.
    """
    made: list[Floats] = []
    left = _ALL_PIXELS
    for path in paths:
        pixels = _read(path, left)
        left -= pixels.shape[0] * pixels.shape[1]
        try:
            made.append((front or Front()).apply(pixels[None])[0] / np.float32(255))
        except (DataError, ParameterError) as error:
            raise type(error)(f"{path.name}: {error}") from error
        if made[-1].shape != made[0].shape:
            told = f"{path.name} is {_tell(made[-1])}, {paths[0].name} {_tell(made[0])}; every picture needs the same"
            raise DataError(f"{told}:\ngive a side (all are averaged to it), or grey for colours beside grey")
        if made[-1].nbytes * len(paths) > 4 * limits.WEIGHTS_BYTES:
            raise DataError(f"{len(paths)} pictures of {_tell(made[-1])} are too many to hold; give a smaller side")
    return np.stack(made)


def _tell(picture: Floats) -> str:
    height, width, channels = picture.shape
    return f"{width} × {height}, {'colour' if channels == 3 else 'grey'}"


def _read(path: Path, left: int) -> NDArray[np.uint8]:
    """The pixels of one, as bytes [height, width, 1 or 3], upright as the camera was held."""
    from PIL import Image, ImageOps  # comes with matplotlib

    try:
        with limits.open_file(path, limits.TEXT_BYTES, DataError, _CURE) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(stream, formats=_FORMATS)
            size, count = os.fstat(stream.fileno()).st_size, image.width * image.height
            room = max(limits.RATIO_FROM_BYTES, limits.RATIO * size) // len(image.getbands())
            if count > min(_PIXELS, left, room) or image.mode in _DEEP:
                said = f"{image.width} × {image.height} pixels of {image.mode} in {size:,} bytes"
                raise DataError(f"{path.name}: {said}; allowed: {_PIXELS:,} of 8 bits; {_CURE} that is smaller")
            plain = ImageOps.exif_transpose(image).convert("L" if image.mode in ("1", "L", "LA") else "RGB")
            return np.asarray(plain, np.uint8).reshape(plain.height, plain.width, -1)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path.name}: no picture that can be read ({error!r:.100}); {_CURE}") from error
