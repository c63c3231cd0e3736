"""The CMSIS-NN files an export carries: where they come from, which are needed, and their hashes.

They come from the installed package `bakenn` 1.0.0 (Apache-2.0), which ships CMSIS-NN 4.0.0 and the two headers of
CMSIS-Core 5.9.0 it needs; no code of that package runs. Its BAKENN_PROVENANCE.md says what it changed in them, and
goes along.
"""

import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from tinykit.ground.errors import MissingPackageError

PACKAGE, PACKAGE_VERSION = "bakenn", "1.0.0"
INCLUDE_FOLDERS = ("cmsis_nn/freestanding", "cmsis_nn/Include", "cmsis_core/Include")
DEFINES = ("BAKENN_CMSIS_NN_BUILTIN_MEMORY",)
HOST_DEFINES = ("__GNUC_PYTHON__", "__RESTRICT=__restrict")
"""What lets the plain C paths compile on a host, without the Arm headers."""

_FOLDER = "backend/cmsis_nn/vendor"
_ADDED = Path(__file__).parent / "kernels" / "library"
_LIST = _ADDED / "files.txt"
"""Hash, path and groups of operators of every file; the headers and licences are for all."""

GROUPS = ("convolution", "depthwise", "dense", "average_pool", "max_pool")
"""Groups of operators that need source files of their own."""


def read_library(groups: Iterable[str]) -> dict[str, bytes]:
    """Relative path -> content of the library's files for some of `GROUPS`, nothing for no group.

    MissingPackageError where the package is not installed, or its files are not those that were checked.
    """
    needed = {*groups, "all"}
    if needed == {"all"}:
        return {}
    folder = _find_folder()
    rows = [line.split() for line in _LIST.read_text().splitlines()]
    files = {path: _read(folder, path, sha256) for sha256, path, whose in rows if needed & set(whose.split(","))}
    added = {"cmsis_nn/freestanding/math.h": "math.h", "NOTICE.txt": "NOTICE.txt"}
    return files | {path: (_ADDED / name).read_bytes() for path, name in added.items()}


def _find_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingPackageError(
            f"kernels 'cmsis-nn' need the package {PACKAGE}, which is not installed\n"
            f"pip install {PACKAGE}=={PACKAGE_VERSION}, or use kernels='portable'"
        )
    return Path(found.submodule_search_locations[0]) / _FOLDER


def _read(folder: Path, path: str, sha256: str) -> bytes:
    try:
        data = (folder / path).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise MissingPackageError(
            f"{path} of the installed {PACKAGE} is not the file of version {PACKAGE_VERSION}\n"
            f"pip install --force-reinstall {PACKAGE}=={PACKAGE_VERSION}, or use kernels='portable'"
        )
    return data


GCC_FLAGS = {"cmsis_nn/Source/NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c": ("-funroll-loops",)}
"""What GCC is told beyond the common flags, by source file, for cores with the DSP extension and without Helium.

TensorFlow Lite Micro's own CMSIS-NN (6.2) asks for it by a pragma in this file, which version 4.0.0 has not. GCC then
rounds the sums without branches: with the flag a fully connected operator executes TFLM's instructions less the same
309 on a Cortex-M7 whatever its size (what the interpreter does around the kernel), without it 4 to 7 fewer for every
two outputs.
"""
