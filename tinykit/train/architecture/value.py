"""A network as a value: blocks, head and dropout, checked, hashed, read from JSON; and the layers it is of, in order.

The values may be a stranger's: each is held against what is allowed before anything is made of it. Layers are said
once, for tf-keras and for a sketch: whoever lays them (`make`) has a method a layer, which takes and gives values with
a `shape`, the batch first.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from numbers import Integral
from reprlib import repr as say
from typing import Any

from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result
from tinykit.model.record import hash_bytes

KINDS = ("conv", "separable", "residual", "dense", "lstm")
"""One convolution; a depthwise and a pointwise one; two with a way round them; units; units with memory over time."""
HEADS = ("average", "flatten", "last")
"""What makes a vector of a map: its mean, the whole of it, or its last row, of a signal its last step."""
BLOCKS, WIDTH, KERNEL, STRIDE, POOL = 64, 4096, 1024, 64, 1024  # the most of each
_UNITS = ("dense", "lstm")
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Block(Result):
    """A block of layers; what is not an LSTM is normalised and followed by ReLU.

    Parameters
    ----------
    kind : one of `KINDS`.
    width : channels that come out, or units.
    kernel : (height, width) of the convolutions, or one size for every axis longer than 1: on a signal of shape
        [samples, 1, channels] a kernel over time. Of dense and lstm always 1.
    stride : of the first convolution.
    pool : the maximum is taken of so many positions, given as a kernel is; 1 for none.
    dropout : share of what comes out that training leaves away.

    Raises
    ------
    ParameterError : a value that is not allowed, by its name.
    """

    kind: str
    width: int
    kernel: int | Pair = 3
    stride: int = 1
    pool: int | Pair = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.kind == "gru":
            raise ParameterError("kind: 'gru' has no integer kernel in TFLM; take 'lstm', or 'conv' over time")
        _choose("kind", self.kind, KINDS)
        kernel = 1 if self.kind in _UNITS else _sizes("kernel", self.kernel, KERNEL)
        pool = _sizes("pool", self.pool, 1 if self.kind == "dense" else POOL)
        stride = _whole("stride", self.stride, 1 if self.kind in _UNITS else STRIDE)
        _settle(self, width=_whole("width", self.width, WIDTH), kernel=kernel, stride=stride, pool=pool)
        _settle(self, dropout=_share(self.dropout))

    def __str__(self) -> str:
        kernel = "" if self.kind in _UNITS else f"×{_tell(self.kernel)}"
        more = (("/", self.stride, 1), (" pool ", _tell(self.pool), "1"), (" drop ", self.dropout, 0))
        return f"{self.kind} {self.width}{kernel}" + "".join(f"{what}{one}" for what, one, none in more if one != none)


@dataclass(frozen=True, slots=True)
class Architecture(Result):
    """A network as a value: equal ones have one hash, whatever the process.

    Parameters
    ----------
    blocks : in order; those of kind "dense" come last, behind the head.
    head : what makes a vector of the last map, one of `HEADS`; without meaning where there is no map.
    dropout : share that training leaves away before the head, or where there are dense blocks before the classes.

    Raises
    ------
    ParameterError : a value that is not allowed, by its name.

    >>> print(Architecture((Block("conv", 12, 7, stride=2), Block("separable", 24, pool=2))))
    conv 12×7/2 → separable 24×3 pool 2 → average
    """

    blocks: tuple[Block, ...]
    head: str = "average"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        many = isinstance(self.blocks, list | tuple) and len(self.blocks) <= BLOCKS
        if not many or not all(isinstance(one, Block) for one in self.blocks):
            raise ParameterError(f"blocks: {say(self.blocks)} is no list of at most {BLOCKS} blocks; give one")
        kinds = [block.kind == "dense" for block in self.blocks]
        if kinds != sorted(kinds):
            raise ParameterError("blocks: a dense block stands before another kind; put dense blocks last")
        _settle(self, blocks=tuple(self.blocks), head=_choose("head", self.head, HEADS), dropout=_share(self.dropout))

    @property
    def sha256(self) -> str:
        """Hash of the value, the same in every process and on every machine."""
        return hash_bytes(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode())

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> "Architecture":
        """The architecture that `to_json` wrote; ParameterError: a value that is not allowed, by its name."""
        values = _known(mapping, cls, "an architecture")
        if isinstance(blocks := values["blocks"], list | tuple):
            told = enumerate(blocks[: BLOCKS + 1])
            values["blocks"] = [Block(**_known(one, Block, f"a block ({place})")) for place, one in told]
        return cls(**values)

    def __str__(self) -> str:
        parts, maps = [str(block) for block in self.blocks], sum(block.kind != "dense" for block in self.blocks)
        parts.insert(maps, self.head)
        if self.dropout:
            parts.insert(maps if maps == len(self.blocks) else len(parts), f"drop {self.dropout:g}")
        return " → ".join(parts)


def lay(make: Any, start: Any, architecture: Architecture, classes: int, *, activation: str = "softmax") -> Any:
    """The layers from an input, a map or a vector, to the classes and their activation; what the last layer gives."""
    x, dense = start, [block for block in architecture.blocks if block.kind == "dense"]
    for block in architecture.blocks[: len(architecture.blocks) - len(dense)]:
        x = make.drop(_block(make, x, block), block.dropout)
    x = _vector(make, x if dense else make.drop(x, architecture.dropout), architecture.head)
    for block in dense:
        x = make.drop(make.dense(x, block.width, "relu"), block.dropout)
    return make.dense(make.drop(x, architecture.dropout) if dense else x, classes, activation)


def _block(make: Any, x: Any, block: Block) -> Any:
    """Steps of an LSTM are rows; the way round convolutions is one where size or channels change (ResNet, v1)."""
    if block.kind == "lstm":
        flat = make.reshape(x, (x.shape[1], x.shape[2] * x.shape[3])) if len(x.shape) == 4 else x
        x = make.lstm(flat, block.width)
    else:
        x = _map(make, x)
        kernel, width, stride = spread(x, block.kernel), block.width, block.stride
        if block.kind == "separable":
            y = make.conv(make.depthwise(x, kernel, stride), width, (1, 1), 1)
        else:
            y = make.conv(x, width, kernel, stride)
        if block.kind == "residual":
            y = make.conv(y, width, spread(y, block.kernel), 1, "linear")
            changed = stride > 1 or x.shape[3] != width
            y = make.join(make.conv(x, width, (1, 1), stride, "plain") if changed else x, y)
        x = y
    return x if block.pool == 1 else make.pool(x := _map(make, x), spread(x, block.pool))


def _vector(make: Any, x: Any, head: str) -> Any:
    """What the head makes of a map: an average as published files have it, AVERAGE_POOL_2D and no MEAN."""
    if len(x.shape) == 2:
        return x
    if head == "average":
        x = make.average(x := _map(make, x), tuple(x.shape[1:3]))
    return make.flatten(make.last(x) if head == "last" and x.shape[1] > 1 else x)


def _map(make: Any, x: Any) -> Any:
    return make.reshape(x, (x.shape[1], 1, x.shape[2])) if len(x.shape) == 3 else x


def spread(x: Any, size: int | Pair) -> Pair:
    """One size along those axes of a map that are longer than 1; two as they are."""
    height, width = size if isinstance(size, tuple) else (size if length > 1 else 1 for length in x.shape[1:3])
    return height, width


def _settle(value: Any, **settled: Any) -> None:
    for name, one in settled.items():
        object.__setattr__(value, name, one)


def _choose(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ParameterError(f"{name}: {say(value)} is unknown; allowed: {', '.join(allowed)}")
    return value


def _whole(name: str, value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= most:
        allowed = f"whole numbers from 1 to {most:,} are" if most > 1 else "only 1 is"
        raise ParameterError(f"{name}: {say(value)} is not possible; {allowed} allowed")
    return int(value)


def _sizes(name: str, value: Any, most: int) -> int | Pair:
    if not isinstance(value, list | tuple):
        return _whole(name, value, most)
    if len(value) != 2:
        raise ParameterError(f"{name}: {say(value)} is neither one size nor two; give 3 or (10, 4)")
    return _whole(name, value[0], most), _whole(name, value[1], most)


def _tell(sizes: int | Pair) -> str:
    return "×".join(map(str, sizes if isinstance(sizes, tuple) else (sizes,)))


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ParameterError(f"dropout: {say(value)} is no share; give a number from 0 to below 1")
    return float(value) or 0.0  # of -0.0 too


def _known(mapping: Any, kind: type, what: str) -> dict[str, Any]:
    """What a mapping says of a value's fields, all that are needed, and nothing else."""
    names = {field.name: field.default is MISSING for field in fields(kind)}
    if not isinstance(mapping, Mapping):
        raise ParameterError(f"{say(mapping)} is not {what}; give an object of {', '.join(names)}")
    missing = [name for name, needed in names.items() if needed and name not in mapping]
    for name in [one for one in mapping if one not in names] or missing:
        lack = "unknown" if name in mapping else "missing"
        raise ParameterError(f"{say(name)} is {lack} in {what}; allowed: {', '.join(names)}")
    return dict(mapping)
