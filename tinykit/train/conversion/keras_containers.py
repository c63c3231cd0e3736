"""The two containers of Keras, HDF5 and the `.keras` archive: told apart by their bytes, copied before they are read.

A stranger's file may be two things at once, or change between the look and the load. So what is looked at is a copy in
a folder of the caller, under the suffix its bytes ask for, and of an archive only its three known members.
"""

import json
import shutil
import struct
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinykit.ground import limits
from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import MissingPackageError, ModelError, name_install

_HDF5, _ZIP, _ZIP_END = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"PK\x05\x06"
_ZIP_TAIL_BYTES = 22 + 2**16
_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_WORKER = Path(__file__).with_name("h5_child.py")
_TIMEOUT_S, _PROCESSOR_S = 60.0, 20
_BOUNDS = Bounds(4 * 2**30, 0, limits.WEIGHTS_BYTES + 128 * 2**20, processor_s=_PROCESSOR_S)
_TOO_LARGE = "no model for a microcontroller needs that"
_ZIP_ERRORS = (
    OSError, zipfile.BadZipFile, KeyError, EOFError, RuntimeError, ValueError, zlib.error, struct.error
)  # fmt: skip


def copy_file(source: Path, folder: Path) -> Path:
    """A copy of a stranger's file in `folder`: `model.h5`, or `strange.zip`, as its bytes say."""
    draft = folder / "strange"
    try:
        with limits.open_file(source, limits.WEIGHTS_BYTES, ModelError, _TOO_LARGE) as file, draft.open("wb") as copy:
            shutil.copyfileobj(file, copy, 2**20)
    except OSError as error:
        raise ModelError(f"{source.name}: cannot be copied to be looked at ({error.strerror or error})") from error
    with draft.open("rb") as stream:
        kind = _kind_of(stream, source.name)
    return draft.replace(folder / ("strange.zip" if kind == "zip" else "model.h5"))


def read_archive(archive: Path, folder: Path, name: str) -> tuple[bytes, bytes]:
    """Configuration and metadata of a `.keras` archive; its weights are left in `folder`, nothing else is unpacked."""
    try:
        with archive.open("rb") as stream:
            if doubt := limits.doubt_archive(stream, limits.MEMBERS):
                raise ModelError(f"{name}: not a readable .keras archive, or truncated: {doubt}")
            opened = zipfile.ZipFile(stream)
            members = _check_members(opened, stream, name)
            with opened.open(members[2]) as weights, (folder / members[2].filename).open("wb") as sink:
                shutil.copyfileobj(weights, sink, 2**20)
            return opened.read(members[0]), opened.read(members[1])
    except ModelError:
        raise
    except _ZIP_ERRORS as error:
        raise ModelError(f"{name}: not a readable .keras archive, or truncated ({str(error)[:200]})") from error


def pack_archive(folder: Path, config: Any, metadata: Any, name: str) -> Path:
    """`model.keras` in `folder`: what was looked at, written anew, and the weights that `read_archive` left there."""
    path, weights = folder / "model.keras", folder / "model.weights.h5"
    texts = [_render(part, name) for part in (config, metadata)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", texts[0])
        archive.writestr("metadata.json", texts[1])
        archive.write(weights, weights.name)
    weights.unlink()
    return path


def take_h5(path: Path, name: str) -> dict[str, Any]:
    """`config`, `version` and `items` of an HDF5 file, read by a child process, and their data: that they alone have.

    It is left at `path` as it was; `write_h5` puts in its place what was read.
    """
    if find_spec("h5py") is None:
        raise MissingPackageError(f"h5py is not installed; {name_install('train')}")
    most = {"bytes": limits.WEIGHTS_BYTES, "text": limits.DESCRIPTION_BYTES, "objects": limits.OBJECTS}
    most |= {"ratio": limits.RATIO, "small": limits.RATIO_FROM_BYTES, "depth": limits.DEPTH}
    try:
        with Child("the reader of HDF5", _WORKER, bounds=_BOUNDS, folder=path.parent) as child:
            found, parts = child.exchange({"path": str(path.absolute()), "most": most}, timeout_s=_TIMEOUT_S)
    except ChildError as error:
        how = ", or truncated: its reader crashed"
        if error.late or error.signal == "SIGXCPU":
            how = f": no end after {_TIMEOUT_S if error.late else _PROCESSOR_S:g} s"
        raise ModelError(f"{name}: not a readable HDF5 file{how}") from error
    if refused := found.get("refused"):
        raise ModelError(f"{name}: {refused}; it is not loaded\nsave the whole model again with model.save")
    if kind := found.get("error"):
        reason = f"{kind}: {found['text']}"[:200]
        raise ModelError(f"{name}: not a readable HDF5 file, or truncated ({reason})")
    return {**json.loads(parts[0]), "data": parts[1:]}


def write_h5(path: Path, told: dict[str, Any], config: Any, name: str) -> None:
    """A new HDF5 file at `path` of what `take_h5` told and the configuration that was looked at, None for weights."""
    import h5py

    data, text = iter(told["data"]), None if config is None else _render(config, name)
    try:
        with h5py.File(path, "w") as file:
            for place, attributes, held in told["items"]:
                if held is None:
                    item = file.require_group(place or "/")
                else:
                    item = file.create_dataset(place, data=np.frombuffer(next(data), held[0]).reshape(held[1]))
                for key, kind, shape, values in attributes:
                    array = np.array(values, object if kind == "text" else kind).reshape(shape)
                    item.attrs.create(key, array, dtype=h5py.string_dtype() if kind == "text" else None)
            if text is not None:
                file.attrs["model_config"] = text
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{name}: not a readable HDF5 file, or truncated ({error!r:.200})") from error


def _render(part: Any, name: str) -> str:
    try:
        return json.dumps(part)
    except RecursionError as error:
        raise ModelError(f"{name}: its description is nested too deep to be a model's") from error


def _kind_of(stream: BinaryIO, name: str) -> str:
    """Either "zip" or "hdf5"; the HDF5 library looks for its mark at 0, 512, 1024 and so on."""
    if _read_at(stream, 0, len(_ZIP)) == _ZIP:
        return "zip"
    if not _hdf5_marks(stream):
        raise ModelError(
            f"{name}: neither HDF5 nor a .keras archive by its first bytes, or truncated; save it again with model.save"
        )
    size = stream.seek(0, 2)
    if _ZIP_END in _read_at(stream, max(0, size - _ZIP_TAIL_BYTES), size):
        raise ModelError(f"{name}: HDF5 and a zip archive in one file, which no program saves; it is not loaded")
    return "hdf5"


def _hdf5_marks(stream: BinaryIO) -> list[int]:
    size = stream.seek(0, 2)
    places = [0, *(512 << power for power in range(size.bit_length()) if 512 << power < size)]
    return [place for place in places if _read_at(stream, place, len(_HDF5)) == _HDF5]


def _read_at(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _check_members(archive: zipfile.ZipFile, stream: BinaryIO, name: str) -> list[zipfile.ZipInfo]:
    names = archive.namelist()
    if len(names) != len(set(names)):
        raise ModelError(f"{name}: lists a member twice, so readers differ on what it holds; it is not loaded")
    members = []
    most = (limits.DESCRIPTION_BYTES, limits.METADATA_BYTES, limits.WEIGHTS_BYTES)
    for wanted, limit in zip(_MEMBERS, most, strict=True):
        member = archive.getinfo(wanted)
        if member.file_size > limit:
            raise ModelError(f"{name}: its {wanted} is over {limit} bytes, no model needs that")
        if member.file_size > max(limits.RATIO_FROM_BYTES, limits.RATIO * member.compress_size):
            raise ModelError(f"{name}: its {wanted} is packed over {limits.RATIO} to 1, no model is")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelError(f"{name}: its {wanted} is packed by method {member.compress_type}, not stored or deflated")
        members.append(member)
    header = _read_at(stream, members[2].header_offset, 30)
    weights = members[2].header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    first = min(member.header_offset for member in archive.infolist())
    if first or not set(_hdf5_marks(stream)) <= {weights}:
        raise ModelError(f"{name}: a .keras archive and something else in one file; it is not loaded")
    return members
