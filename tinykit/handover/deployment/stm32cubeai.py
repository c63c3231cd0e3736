"""Hand-over to ST's code generators: model, memory pools, validation data, exact commands; nothing of it runs here."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.handover.deployment import writing
from tinykit.handover.deployment.writing import Deployment
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.latency.effects import version_number
from tinykit.predict.st_memory import predict_st_memory
from tinykit.target.target import Target
from tinykit.train.datasets.scoring import Accuracy

_NEWEST = "4.0.0"
_PACES = {"psram": ("LOW", "HIGH"), "sdram": ("LOW", "HIGH"), "sram": ("MID", "MID")}


def deploy_stm32cubeai(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, board: Target | str | None = None,
    tool: str | None = None, accuracy: Accuracy | None = None, name: str = "", samples: ArrayLike | None = None
) -> Deployment:  # fmt: skip
    """Write what ST's tool takes: model, memory pools, validation data, commands; the whole folder or nothing.

    `board` is an STM32, or a target on one with its reserve and ST's option; None leaves the pools empty. `tool` is the
    version of X-CUBE-AI ("8.1.0") or ST Edge AI Core ("2.2.0"), whose commands differ; None for the newest known.

    Raises ModelError: several subgraphs, an operator of TFLM alone, or no golden outputs. ParameterError: no STM32, or
    no such version. DataError: samples of another shape, or NaN.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    target = board if isinstance(board, Target) or board is None else Target(board, runtime="x-cube-ai")
    odd = [one.name for one in graph.operators if ":" in one.name]  # custom ones
    if odd or graph.subgraphs > 1:
        raise ModelError(
            f"ST's tools take no {', '.join(odd) or 'model of several subgraphs'}; hand over the plain file"
        )
    if target and not target.board.mcu.startswith("STM32"):
        raise ParameterError(f"board {target.board.id} has a {target.board.mcu}; ST's tools make code for STM32 alone")
    version, label = _known(tool or _NEWEST), writing.label_model(graph, name)
    memory = predict_st_memory(graph, target.core if target else "cortex-m7", version)
    arrays, stream = writing.name_golden(graph, samples), io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    files: dict[str, str | bytes] = {f"val_{key[2:]}.csv": _to_csv(rows) for key, rows in arrays.items()}
    files |= {f"{label}.tflite": graph.data, "validation.npz": stream.getvalue()} | writing.fill_target(
        "stm32cubeai", graph, label, accuracy, **_place(target), version=version, vectors=len(arrays["m_inputs_1"]),
        step=float(".".join(version.lstrip("v").split(".")[:2])),
        predicted={"activations, inputs and outputs within": memory.activations, "weights": memory.weights,
                   "code": memory.code, "runtime RAM": memory.runtime_ram},
    )  # fmt: skip
    count, arena = len(arrays["m_inputs_1"]), int(memory.activations.value)
    return writing.finish("stm32cubeai", graph, folder, files, label=label, arena=arena, vectors=count)


def _known(version: str) -> str:
    if not ((5, 0) <= (version_number(version) or (0, 0)) <= (version_number(_NEWEST) or (0, 0))):
        told = f"tool {version!r} is no version whose commands are known"
        raise ParameterError(f"{told}; give one from 5.0 to 10.2 of X-CUBE-AI, or 1.0 to 4.0 of ST Edge AI Core")
    return version


def _place(target: Target | None) -> dict[str, Any]:
    """The board's memory as pools, fastest first, the reserve out of the smallest that holds it."""
    windows = [one for one in (target.board.sram_windows() if target else ()) if one.start is not None]
    sizes, kept = {one.name: one.available_bytes for one in windows}, target.reserve.sram_bytes if target else 0
    home = min((one for one in windows if sizes[one.name] >= kept), key=lambda one: sizes[one.name], default=None)
    sizes |= {home.name: sizes[home.name] - kept} if home else {}
    pools = [
        {"name": one.name, "start": one.start, "nbytes": sizes[one.name] // 32 * 32, "pace": pace, "delay": delay}
        for one in windows if sizes[one.name] >= 32 for pace, delay in [_PACES.get(one.kind, ("HIGH", "LOW"))]
    ]  # fmt: skip
    return {"pools": sorted(pools, key=lambda one: ("HIGH", "MID", "LOW").index(str(one["pace"]))), "reserved": kept,
            "kept_in": home.name if home else "no region that is known", "board": target.board.name if target else "",
            "series": target.board.mcu[:7].lower() if target else "stm32h7",
            "option": (target.runtime_option if target else None) or "balanced"}  # fmt: skip


def _to_csv(rows: NDArray[Any]) -> str:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.reshape(len(rows), -1).tolist())
