"""A folder with the model as standalone C: sources, golden vectors, self-test, CMake."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.handover.codegen.export import CExport, export_c
from tinykit.handover.codegen.filling import fill_all, to_comment
from tinykit.handover.codegen.library import HOST_DEFINES
from tinykit.handover.deployment.writing import (
    MANIFEST,
    TEMPLATES,
    Deployment,
    describe_accuracy,
    describe_model,
    label_model,
    make_golden_vectors,
    write_folder,
)
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.train.datasets.scoring import Accuracy


def deploy_c(
    model: ModelGraph | bytes | str | Path,
    folder: str | Path,
    *,
    kernels: str = "portable",
    accuracy: Accuracy | None = None,
    name: str = "",
    samples: ArrayLike | None = None,
) -> Deployment:
    """Write an int8 model as C11 with its golden vectors and a self-test; the whole folder or nothing.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    folder : new, empty, or an earlier export nobody has changed.
    kernels : "portable" or "cmsis-nn".
    accuracy : as scored in TFLM, for the header comments.
    name : prefix of every symbol, made a C identifier; default the file's name.
    samples : [n, *shape] real inputs for the golden vectors of a model of one input; three random ones if None.

    Raises
    ------
    ModelError : no .tflite, or an operator, type or shape the exporter or TFLM cannot take.
    ParameterError : no such kernel set.
    MissingPackageError : the package with CMSIS-NN is missing, or not the one that was checked.
    DataError : samples of another shape, or NaN.
    OutputError : the folder cannot be written, or holds other files.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    label = label_model(graph, name)
    export = export_c(graph, kernels=kernels, name=label)
    inputs, outputs = make_golden_vectors(graph.data, samples)
    said = describe_accuracy(accuracy)
    about = describe_model(graph, label, said)
    files = {f"src/{path}": data.decode() for path, data in export.files.items()}
    files |= fill_all(
        TEMPLATES / "c", name=export.name, guard=export.name.upper(), export=export, accuracy=said,
        about="\n".join(["/*", *(f" * {line}" for line in about), " */"]), weight_bytes=graph.weight_bytes,
        vectors=len(inputs), inputs=_rows(inputs), outputs=_rows(outputs), arenas=_list_arenas(export),
        flags=_list_flags(export), host_defines=[f"-D{one}" for one in HOST_DEFINES], code=_code, to_comment=to_comment,
    ) | fill_all(TEMPLATES / "both")  # fmt: skip
    facts = {"target": "c", "name": label, "model_sha256": graph.sha256, "arena_bytes": export.arena_bytes,
             "kernels": kernels}  # fmt: skip
    where = write_folder(folder, files, facts)
    symbols = tuple(operator.symbol for operator in export.operators)
    return Deployment(
        where, "c", label, tuple(sorted([*files, MANIFEST])), symbols, export.arena_bytes, export.arena_bytes,
        len(inputs), graph.sha256,
    )  # fmt: skip


def _rows(table: NDArray[np.uint8]) -> str:
    rows = (",".join(str(value) for value in row) for row in table.view(np.int8).tolist())
    return "\n".join(f"    {{{row}}}," for row in rows)


def _list_arenas(export: CExport) -> list[tuple[str, int]]:
    cores = {"plain": "without DSP (Cortex-M0+, M3)", "dsp": "with DSP (M4, M7, M33)", "mve": "with Helium (M55, M85)"}
    return [(cores[family], max(plan.head_bytes, 16)) for family, plan in export.plans.items()]


def _list_flags(export: CExport) -> list[str]:
    """What GCC is told of single files so that they execute what TensorFlow Lite Micro's kernels execute."""
    told = ((source, export.gcc_flags(source, "cortex-m4")) for source in export.sources)
    return [f"`src/{source}` with `{' '.join(flags)}`" for source, flags in told if flags]


def _code(texts: Iterable[str]) -> list[str]:
    return [f"`{text}`" for text in texts]
