"""The one way in for arrays of strangers: an `.npz` without pickles, bounded before a byte of it is unpacked."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError

_LARGEST_FILE_BYTES = 2**30
_UNFIT = "not an .npz of plain arrays"
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz`, by name.

    Raises
    ------
    DataError : no such file, a bare .npy, pickled or damaged arrays, or more than a gigabyte of them.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                raise DataError(f"{path}: {_UNFIT} but a bare .npy; save the arrays together with np.savez")
            with zipfile.ZipFile(stream) as members:
                if sum(one.file_size for one in members.infolist()) > _LARGEST_FILE_BYTES:
                    raise DataError(f"{path}: more than {_LARGEST_FILE_BYTES:,} bytes of arrays; give fewer samples")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{_UNFIT}: {path}: no such file; give an .npz that np.savez wrote") from error
    except _DAMAGE as error:
        raise DataError(f"{path}: {_UNFIT} ({error}); save it with np.savez") from error
