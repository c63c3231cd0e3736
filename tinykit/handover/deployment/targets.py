"""The targets of `deploy`: a project for TensorFlow Lite Micro, the model as standalone C, and what other tools take.

Names of operators are as in TFLM's `micro_mutable_op_resolver.h` (to commit 8f6596d); a test asks the interpreter
itself whether it has each of them.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import ModelError, ParameterError, name_nearest
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.handover.codegen.export import FLOAT_BOUND, HOST_DEFINES, CExport, export_c
from tinykit.handover.codegen.filling import fill_all, to_comment
from tinykit.handover.deployment import writing
from tinykit.handover.deployment.edge_impulse import deploy_edge_impulse
from tinykit.handover.deployment.front_end import Preparation, write_front_end
from tinykit.handover.deployment.onnx_file import deploy_onnx
from tinykit.handover.deployment.stm32cubeai import deploy_stm32cubeai
from tinykit.handover.deployment.writing import Deployment
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import list_codes, read
from tinykit.model.lint import list_rules
from tinykit.model.operators.table import list_rows, row_of
from tinykit.predict.runtime.reference import reference_engine
from tinykit.predict.runtime.refusal import require_sound
from tinykit.target.target import Target
from tinykit.train.datasets.dataset import Normalisation
from tinykit.train.datasets.scoring import Accuracy

ALIGNMENT_BYTES = 16
_CORES = {"plain": "without DSP (Cortex-M0+, M3)", "dsp": "with DSP (M4, M7, M33)", "mve": "with Helium (M55, M85)"}
MARGIN = 0.05
"""Default margin on the arena: more than the widest miss of the 32-bit prediction, and than one more scratch buffer."""

OPERATORS = frozenset(row.name for row in list_rows().values() if row.method)
"""Every operator that TFLM can register, under the name `tinykit.model.graph` gives it."""


def deploy_tflm(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, arena: int | Estimate,
    accuracy: Accuracy | None = None, name: str = "", samples: ArrayLike | None = None,
    normalisation: Normalisation | Preparation | None = None, margin: float = MARGIN
) -> Deployment:  # fmt: skip
    """Write C++, build files and golden vectors for TFLM; the whole folder or nothing.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    arena : bytes needed on the target to allocate; of an Estimate its high end.
    accuracy : as scored in TFLM, for the header comments.
    name : namespace, made a C++ identifier; default the file's name.
    samples : [n, *shape] real inputs for the golden vectors, a tuple for several inputs; three random ones if None.
    normalisation : what the device must do to a raw sample first; its constants go into the header. A `Preparation`
        becomes `front_end.c`, and `samples` are int16 windows as the device records them.
    margin : 0–1, added to the arena.

    Raises
    ------
    ModelError : no .tflite, several subgraphs, one that TFLM refuses or, by its shapes, computes wrong, or one whose
        answers in TFLM are not LiteRT's.
    ParameterError : arena not positive, margin outside 0–1.
    DataError : samples of another shape, or NaN.
    OutputError : the folder cannot be written, or holds other files.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    _check(graph, margin)
    require_sound(graph)
    needed = _needed(arena)
    names = {one.name for one in graph.operators} | set(list_codes(graph) if graph.subgraphs > 1 else ())
    methods = tuple(sorted(add_method(name) for name in names))
    said, label = writing.describe_accuracy(accuracy), writing.label_model(graph, name)
    about = writing.describe_model(graph, label, said)
    front, ends, samples = write_front_end(normalisation, graph, samples, name=label, lines=about)
    judge, (inputs, outputs) = reference_engine(), writing.make_golden_vectors(graph.data, samples)
    declared = math.ceil(needed * (1 + margin) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    files = fill_all(
        writing.TEMPLATES / "tflm", name=label, guard=f"TINYKIT_{label.upper()}", sha256=graph.sha256, accuracy=said,
        about="\n".join(f"// {line}" for line in about), precision=to_comment(graph.precision), methods=methods,
        model_bytes=len(graph.data), model_array=_bytes(np.frombuffer(graph.data, np.uint8)), arena_bytes=declared,
        needed_bytes=needed, variables=_count_variables(graph), vectors=len(inputs),
        input_bytes=inputs.shape[1], output_bytes=outputs.shape[1],
        inputs=_rows(inputs), outputs=_rows(outputs), normalisation=normalisation, floats=_floats, reference=judge,
        front=front,
    ) | fill_all(writing.TEMPLATES / "both") | ends  # fmt: skip
    more: dict[str, Any] = {"needed": needed, "methods": methods, "vectors": len(inputs)}
    return writing.finish("tflm", graph, folder, files, label=label, arena=declared, **more)


def add_method(operator: str) -> str:
    """The resolver's method for an operator.

    Raises
    ------
    ModelError : TFLM has no such operator.

    >>> add_method("DEPTHWISE_CONV_2D"), add_method("RELU6"), add_method("PADV2")
    ('AddDepthwiseConv2D', 'AddRelu6', 'AddPadV2')
    """
    method = row_of(operator).method
    if method is None:
        raise ModelError(
            f"TFLM has no kernel for operator {operator}; {name_nearest(operator, OPERATORS)}\n"
            "replace the layer, or register a kernel of your own with AddCustom in firmware"
        )
    return f"Add{method}"


def _bytes(data: NDArray[np.uint8], indent: str = "    ") -> str:
    rows = (data[start : start + 16].tobytes().hex(" ") for start in range(0, len(data), 16))
    return "\n".join([f"{indent}0x{row.replace(' ', ', 0x')}," for row in rows])


def _rows(table: NDArray[np.uint8]) -> str:
    return "\n".join("    {\n" + _bytes(row, "        ") + "\n    }," for row in table)


def _floats(values: Iterable[float]) -> str:
    return ", ".join(f"{float(value)!r}f" for value in values)


def _needed(arena: int | Estimate) -> int:
    value = arena.high if isinstance(arena, Estimate) else arena
    if isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise ParameterError(f"arena is {value} bytes; pass what predict_arena says the model needs")
    return math.ceil(value)


def _check(graph: ModelGraph, margin: float) -> None:
    if not 0 <= margin <= 1:
        raise ParameterError(f"margin is {margin}; it is a fraction of the arena, 0 to 1")
    if graph.subgraphs != 1 and not _count_variables(graph):
        raise ModelError(
            f"the model has {graph.subgraphs} subgraphs (IF or WHILE); only models of one can be exported so far"
        )


def _count_variables(graph: ModelGraph) -> int:
    """Variables that the model keeps between calls, whose first values a second subgraph gives."""
    return sum(list_rules()["state"].names(operator.name) for operator in graph.operators)


def deploy_c(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, kernels: str = "portable",
    accuracy: Accuracy | None = None, name: str = "", samples: ArrayLike | None = None,
    normalisation: Preparation | None = None
) -> Deployment:  # fmt: skip
    """Write a model as C11 with its golden vectors and a self-test; the whole folder or nothing.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    kernels : "portable" or "cmsis-nn".
    accuracy : as scored in TFLM, for the header comments.
    name : prefix of every symbol, made a C identifier; default the file's name.
    samples : [n, *shape] real inputs for the golden vectors, a tuple for several inputs; three random ones if None.
    normalisation : with a front, as in `deploy_tflm`; one alone is refused, since a C program takes codes.

    Raises
    ------
    ModelError : no .tflite, an operator, type or shape the exporter or TFLM cannot take, shapes that contradict, or
        answers in TFLM that are not LiteRT's.
    ParameterError : no such kernel set, or a normalisation without a front.
    MissingPackageError : the package with CMSIS-NN is missing, or not the one that was checked.
    DataError : samples of another shape, or NaN.
    OutputError : the folder cannot be written, or holds other files.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    require_sound(graph)
    label = writing.label_model(graph, name)
    if normalisation is not None and not isinstance(normalisation, Preparation):
        raise ParameterError("target 'c' takes no normalisation without a front; give a Preparation, or leave it out")
    export = export_c(graph, kernels=kernels, name=label)
    said = writing.describe_accuracy(accuracy)
    about = writing.describe_model(graph, label, said)
    front, ends, samples = write_front_end(normalisation, graph, samples, name=label, lines=about)
    judge, (inputs, outputs) = reference_engine(), writing.make_golden_vectors(graph.data, samples)
    files = {f"src/{path}": data.decode() for path, data in export.files.items()}
    files |= fill_all(
        writing.TEMPLATES / "c", name=export.name, guard=export.name.upper(), export=export, accuracy=said,
        about="\n".join(["/*", *(f" * {line}" for line in about), " */"]), weight_bytes=graph.weight_bytes,
        vectors=len(inputs), inputs=_c_rows(inputs), outputs=_c_rows(outputs), flags=_list_flags(export),
        arenas=[(_CORES[family], max(plan.head_bytes, 16)) for family, plan in export.plans.items()],
        host_defines=[f"-D{one}" for one in HOST_DEFINES], to_comment=to_comment,
        code=lambda texts: [f"`{text}`" for text in texts], reference=judge,
        long_name=judge.kernels.replace("TFLM", "TensorFlow Lite Micro"), outputs_at=_lay_out(graph), bound=FLOAT_BOUND,
        floats=any(tensor.dtype == "float32" for tensor in graph.tensors), front=front,
    ) | fill_all(writing.TEMPLATES / "both") | ends  # fmt: skip
    symbols = tuple(one.symbol for one in export.operators)
    more: dict[str, Any] = {"methods": symbols, "vectors": len(inputs), "kernels": kernels}
    return writing.finish("c", graph, folder, files, label=label, arena=export.arena_bytes, **more)


def _c_rows(table: NDArray[np.uint8]) -> str:
    rows = (",".join(str(value) for value in row) for row in table.view(np.int8).tolist())
    return "\n".join(f"    {{{row}}}," for row in rows)


def _lay_out(graph: ModelGraph) -> list[tuple[int, int, bool]]:
    """Start, bytes and whether it is of floats, of each output in the bytes of a golden vector."""
    rows, start = [], 0
    for tensor in (graph.tensors[index] for index in graph.outputs):
        rows.append((start, tensor.nbytes, tensor.dtype == "float32"))
        start += tensor.nbytes
    return rows


def _list_flags(export: CExport) -> list[str]:
    """What GCC is told of single files so that they execute what TensorFlow Lite Micro's kernels execute."""
    told = ((source, export.gcc_flags(source, "cortex-m4")) for source in export.sources)
    return [f"`src/{source}` with `{' '.join(flags)}`" for source, flags in told if flags]


@dataclass(frozen=True, slots=True)
class Exporter(Result):
    """What `deploy` does for a target.

    Parameters
    ----------
    write : writes the files; takes a model, a folder and, by keyword, the options of this target.
    brief : the target in a few words, for the command's help.
    flags : the options that the command line offers, each with its help.
    """

    write: Callable[..., Deployment]
    brief: str
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that `write` takes."""
        parameters = inspect.signature(self.write).parameters.values()
        return tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


TARGETS = {
    "tflm": Exporter(deploy_tflm, "sources and build files around TFLM"),
    "c": Exporter(deploy_c, "a program that needs no runtime", {"kernels": "portable (default) or cmsis-nn"}),
    "onnx": Exporter(deploy_onnx, "QDQ ONNX and .ort for ONNX Runtime"),
    "stm32cubeai": Exporter(deploy_stm32cubeai, "what ST's tools take", {"tool": "its version, such as 8.1.0"}),
    "edge-impulse": Exporter(
        deploy_edge_impulse,
        "a bundle, C++ library and .eim",
        {"labels": "file, one a line", "rate_hz": "Hz of samples"},
    ),
}
"""Every target by its name."""


def find_exporter(target: str) -> Exporter:
    """The exporter of a target, one of `TARGETS`."""
    if target not in TARGETS:
        raise ParameterError(f"target {target!r} is not there yet; allowed: {', '.join(TARGETS)}")
    return TARGETS[target]


def deploy(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, target: str = "tflm",
    arena: int | Estimate | None = None, kernels: str | None = None, accuracy: Accuracy | None = None,
    name: str = "", samples: ArrayLike | None = None, normalisation: Normalisation | Preparation | None = None,
    board: Target | str | None = None, tool: str | None = None, labels: Sequence[str] | str | Path | None = None,
    rate_hz: float | None = None
) -> Deployment:  # fmt: skip
    """Write a model for a target; what the options mean, and errors, as `deploy_tflm` and the like.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    target : one of `TARGETS`.
    arena : for "tflm", which needs it [byte]; a C program's arena is its own and of fixed size.
    kernels : for "c": "portable" (where None) or "cmsis-nn".
    accuracy : of this model, for the label.
    name : of the C++ namespace or C prefix; from the file where empty.
    samples : inputs of the golden vectors.
    normalisation : for "tflm", and as a `Preparation` for "c", which else takes the tensor as it is.
    board, tool : for "stm32cubeai": whose memory, and the version of ST's tool.
    labels, rate_hz : for "edge-impulse": names of the outputs or their file, and how often a sample comes [Hz].

    Raises
    ------
    ParameterError : the target is not one of `TARGETS`, takes no such option, or is "tflm" without an arena.
    """
    exporter = find_exporter(target)
    own = {"arena": arena, "kernels": kernels, "normalisation": normalisation, "board": board, "tool": tool,
           "labels": labels, "rate_hz": rate_hz}  # fmt: skip
    given = {option: value for option, value in own.items() if value is not None}
    if foreign := sorted(set(given) - set(exporter.options)):
        takes = ", ".join(exporter.options)
        raise ParameterError(f"target {target!r} takes no {' and no '.join(foreign)}; its options: {takes}")
    if target == "tflm" and arena is None:
        raise ParameterError("target 'tflm' needs an arena; pass what predict_arena says the model needs")
    return exporter.write(model, folder, accuracy=accuracy, name=name, samples=samples, **given)
