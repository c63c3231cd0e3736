"""How the shapes of an operator's outputs follow from its inputs.

A rule may read anything of a stranger's file: what it cannot make sense of raises one of `SENSELESS`, and then nothing
is said of the operator. `shape_table.py` beside it tells which operator goes by which rule.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.model.operators.rules import Shape

SENSELESS = (IndexError, ValueError, TypeError, KeyError, ZeroDivisionError, OverflowError)
"""What a rule raises on inputs, options or constants that no operator has."""

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Site:
    """An operator where it stands, as the rules see it.

    Parameters
    ----------
    inputs : shapes, None for one left out.
    known : whole numbers of each input that are known before the model runs, else None.
    stored : shapes of its outputs as the file has them.
    options : by name, scalars or arrays; what the file leaves out stands at its default.
    """

    inputs: tuple[Shape | None, ...]
    known: tuple[Numbers | None, ...]
    stored: tuple[Shape, ...]
    options: Mapping[str, Any]

    def shape(self, position: int) -> Shape:
        """Shape of an input."""
        found: Shape = given(self.inputs[position])
        return found

    def numbers(self, position: int) -> list[int]:
        """Numbers of an input, which must be known."""
        return [int(number) for number in given(self.known[position]).ravel()]


Shapes = Sequence[Shape]
ShapeRule = Callable[[Site], Shapes]


def given(value: Any) -> Any:
    """What is there; ValueError where it is left out, or not known."""
    if value is None:
        raise ValueError("left out, or not known")
    return value


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise IndexError(axis)
    return axis % rank


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    return tuple(int(size) for size in np.broadcast_shapes(*shapes))


def _slide(site: Site, filtered: tuple[int, int]) -> tuple[int, int]:
    """Height and width that a filter's positions leave."""
    sizes = []
    for axis, (size, step) in enumerate(zip(filtered, site.options["stride"], strict=True)):
        length, reach = site.shape(0)[1 + axis], (size - 1) * site.options["dilation"][axis] + 1
        valid = {"SAME": False, "VALID": True}[site.options["padding"]]
        sizes.append((length - reach) // step + 1 if valid else -(-length // step))
    return sizes[0], sizes[1]


def _convolution(site: Site) -> Shapes:
    weights = site.shape(1)
    return [(site.shape(0)[0], *_slide(site, (weights[1], weights[2])), weights[0])]


def _depthwise(site: Site) -> Shapes:
    weights = site.shape(1)
    return [(site.shape(0)[0], *_slide(site, (weights[1], weights[2])), weights[3])]


def _pool(site: Site) -> Shapes:
    return [(site.shape(0)[0], *_slide(site, site.options["filter"]), site.shape(0)[3])]


def _dense(site: Site) -> Shapes:
    """Of any rank, as long as it holds the units of each row."""
    units, depth = site.shape(1)
    rows = math.prod(site.shape(0)) // depth
    kept = site.stored[0]
    return [kept if kept[-1:] == (units,) and math.prod(kept) == rows * units else (rows, units)]


def _reshape(site: Site) -> Shapes:
    """The shape told by the second input, or by the option; where neither is known, any of as many elements."""
    elements = math.prod(site.shape(0))
    if len(site.inputs) > 1 and site.inputs[1] is not None:
        told = None if site.known[1] is None else site.numbers(1)
    else:
        told = [int(size) for size in site.options["new_shape"]]
        told = [] if told == [0] else told  # how converters of old wrote a scalar
    if told is None:
        kept = site.stored[0]
        return [kept if math.prod(kept) == elements else (elements,)]
    if -1 in told:
        rest = math.prod(size for size in told if size != -1)
        return [tuple(elements // rest if size == -1 else size for size in told)]
    return [tuple(told) if math.prod(told) == elements else (elements,)]


def _expand(site: Site) -> Shapes:
    (axis,) = site.numbers(1)
    shape = list(site.shape(0))
    shape.insert(_axis(axis, len(shape) + 1), 1)
    return [tuple(shape)]


def _squeeze(site: Site) -> Shapes:
    shape = site.shape(0)
    axes = {_axis(int(axis), len(shape)) for axis in site.options["squeeze_dims"]}
    return [tuple(size for axis, size in enumerate(shape) if not (axis in axes if axes else size == 1))]


def _concatenate(site: Site) -> Shapes:
    shapes = [site.shape(position) for position in range(len(site.inputs))]
    axis = _axis(site.options["axis"], len(shapes[0]))
    return [_with(shapes[0], axis, sum(shape[axis] for shape in shapes))]


def _with(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _pack(site: Site) -> Shapes:
    shape, axis = list(site.shape(0)), _axis(site.options["axis"], len(site.shape(0)) + 1)
    shape.insert(axis, len(site.inputs))
    return [tuple(shape)]


def _unpack(site: Site) -> Shapes:
    shape = list(site.shape(0))
    del shape[_axis(site.options["axis"], len(shape))]
    return [tuple(shape)] * len(site.stored)


def _split(site: Site) -> Shapes:
    (axis,), shape = site.numbers(0), site.shape(1)
    axis = _axis(axis, len(shape))
    return [_with(shape, axis, shape[axis] // len(site.stored))] * len(site.stored)


def _split_at(site: Site) -> Shapes:
    shape, sizes, (axis,) = site.shape(0), site.numbers(1), site.numbers(2)
    axis = _axis(axis, len(shape))
    rest = shape[axis] - sum(size for size in sizes if size >= 0)
    return [_with(shape, axis, size if size >= 0 else rest) for size in sizes]


def _transpose(site: Site) -> Shapes:
    shape, order = site.shape(0), site.numbers(1)
    if sorted(order) != list(range(len(shape))):
        raise ValueError("no order of the axes")
    return [tuple(shape[axis] for axis in order)]


def _pad(site: Site) -> Shapes:
    ends = np.reshape(site.numbers(1), (-1, 2)).sum(axis=1)
    return [tuple(size + int(more) for size, more in zip(site.shape(0), ends, strict=True))]


def _to_batch(site: Site) -> Shapes:
    shape, block = site.shape(0), site.numbers(1)
    ends = np.reshape(site.numbers(2), (-1, 2)).sum(axis=1)
    inner = [(size + int(more)) // step for size, more, step in zip(shape[1:], ends, block, strict=False)]
    return [(shape[0] * math.prod(block), *inner, *shape[1 + len(block) :])]


def _from_batch(site: Site) -> Shapes:
    shape, block = site.shape(0), site.numbers(1)
    ends = np.reshape(site.numbers(2), (-1, 2)).sum(axis=1)
    inner = [size * step - int(less) for size, less, step in zip(shape[1:], ends, block, strict=False)]
    return [(shape[0] // math.prod(block), *inner, *shape[1 + len(block) :])]


def _to_depth(site: Site) -> Shapes:
    (batch, height, width, depth), block = site.shape(0), site.options["block"]
    return [(batch, height // block, width // block, depth * block**2)]


def _from_depth(site: Site) -> Shapes:
    (batch, height, width, depth), block = site.shape(0), site.options["block"]
    return [(batch, height * block, width * block, depth // block**2)]


def _reduce(site: Site) -> Shapes:
    shape = site.shape(0)
    axes = {_axis(axis, len(shape)) for axis in site.numbers(1)}
    keep = bool(site.options["keep_dims"])
    return [tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)]


def _arg(site: Site) -> Shapes:
    shape, (axis,) = list(site.shape(0)), site.numbers(1)
    del shape[_axis(axis, len(shape))]
    return [tuple(shape)]


def spans(site: Site) -> tuple[list[slice | int], list[int]]:
    """Index of each axis of a strided slice, and its length, -1 for an axis that goes."""
    options, shape = site.options, site.shape(0)
    if options["ellipsis_mask"] or options["new_axis_mask"] or options["offset"]:
        raise ValueError("an ellipsis, a new axis, or ends that count from the begin")
    found: list[slice | int] = []
    lengths = []
    for axis, (begin, end, step) in enumerate(zip(*(site.numbers(one) for one in (1, 2, 3)), strict=True)):
        bit = 1 << axis
        if options["shrink_axis_mask"] & bit:
            found.append(begin)
            lengths.append(-1)
            continue
        whole = slice(None if options["begin_mask"] & bit else begin, None if options["end_mask"] & bit else end, step)
        found.append(whole)
        lengths.append(len(range(*whole.indices(shape[axis]))))
    return found, [*lengths, *shape[len(lengths) :]]


def _slice(site: Site) -> Shapes:
    triples = zip(site.shape(0), site.numbers(1), site.numbers(2), strict=True)
    return [tuple(length - begin if size == -1 else size for length, begin, size in triples)]


def _gather(site: Site) -> Shapes:
    shape, picked, options = site.shape(0), site.shape(1), site.options
    axis = _axis(options["axis"], len(shape))
    return [(*shape[:axis], *picked[options["batch_dims"] :], *shape[axis + 1 :])]


def _matrices(site: Site) -> Shapes:
    first, second = site.shape(0), site.shape(1)
    rows = first[-1] if site.options["adj_x"] else first[-2]
    columns = second[-2] if site.options["adj_y"] else second[-1]
    return [(*_broadcast([first[:-2], second[:-2]]), rows, columns)]


def _sequence(site: Site) -> Shapes:
    projected = site.inputs[16] if len(site.inputs) > 16 else None
    return [(*site.shape(0)[:-1], projected[0] if projected else site.shape(8)[1])]


def _told(position: int) -> ShapeRule:
    return lambda site: [tuple(site.numbers(position))]


SHAPES: dict[str, ShapeRule] = {
    "same": lambda site: [site.shape(0)],
    "broadcast": lambda site: [_broadcast([site.shape(one) for one in range(len(site.inputs))])],
    "convolution": _convolution,
    "depthwise": _depthwise,
    "pool": _pool,
    "transposed": _told(0),
    "dense": _dense,
    "reshape": _reshape,
    "expand": _expand,
    "squeeze": _squeeze,
    "concatenate": _concatenate,
    "pack": _pack,
    "unpack": _unpack,
    "split": _split,
    "split at": _split_at,
    "transpose": _transpose,
    "pad": _pad,
    "to batch": _to_batch,
    "from batch": _from_batch,
    "to depth": _to_depth,
    "from depth": _from_depth,
    "reduce": _reduce,
    "arg": _arg,
    "shape": lambda site: [(len(site.shape(0)),)],
    "strided": lambda site: [tuple(size for size in spans(site)[1] if size >= 0)],
    "slice": _slice,
    "gather": _gather,
    "gather nd": lambda site: [(*site.shape(1)[:-1], *site.shape(0)[site.shape(1)[-1] :])],
    "resize": lambda site: [(site.shape(0)[0], *site.numbers(1), site.shape(0)[3])],
    "matrices": _matrices,
    "as told": _told(1),
    "filled": _told(0),
    "arguments": lambda site: [(max(site.shape(0)[0], site.shape(1)[0]),)],
    "tile": lambda site: [tuple(size * n for size, n in zip(site.shape(0), site.numbers(1), strict=True))],
    "lookup": lambda site: [(*site.shape(0), *site.shape(1)[1:])],
    "sequence": _sequence,
    "filters": lambda site: [(site.shape(0)[0], site.shape(1)[0] // site.options["rank"])],
}
"""Shapes of all outputs."""
