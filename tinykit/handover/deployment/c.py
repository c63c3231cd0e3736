"""A folder with the model as standalone C: sources, golden vectors, self-test, CMake."""

from __future__ import annotations

import os
from pathlib import Path

from numpy.typing import ArrayLike

from tinykit.handover.codegen import CExport, export_c
from tinykit.handover.codegen.names import to_comment
from tinykit.handover.deployment.c_sources import write_self_test
from tinykit.handover.deployment.golden import make_golden_vectors
from tinykit.handover.deployment.outcome import Deployment, describe_accuracy, describe_model, label_model
from tinykit.handover.deployment.writing import MANIFEST, write_folder
from tinykit.model.graph import ModelGraph, read
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
    files |= write_self_test(export, about, inputs, outputs, _readme_values(graph, export, said))
    facts = {"target": "c", "name": label, "model_sha256": graph.sha256, "arena_bytes": export.arena_bytes,
             "kernels": kernels}  # fmt: skip
    where = Path(os.path.abspath(folder))
    write_folder(where, files, facts)
    symbols = tuple(operator.symbol for operator in export.operators)
    return Deployment(
        where, "c", label, tuple(sorted([*files, MANIFEST])), symbols, export.arena_bytes, export.arena_bytes,
        len(inputs), graph.sha256,
    )  # fmt: skip


def _readme_values(graph: ModelGraph, export: CExport, accuracy: str) -> dict[str, str]:
    arenas = {family: max(plan.head_bytes, 16) for family, plan in export.plans.items()}
    cores = {"plain": "without DSP (Cortex-M0+, M3)", "dsp": "with DSP (M4, M7, M33)", "mve": "with Helium (M55, M85)"}
    return {
        "arenas": "\n".join(f"| arena, core {cores[family]} | {arenas[family]:,} bytes |" for family in arenas),
        "accuracy": accuracy,
        "weight_bytes": f"{graph.weight_bytes:,}",
        "operators": "\n".join(f"- `{one.symbol}`: {to_comment(one.name)}" for one in export.operators),
        "licence": "`src/NOTICE.txt` says what of it is third-party code." if "NOTICE.txt" in export.files else "",
    }
