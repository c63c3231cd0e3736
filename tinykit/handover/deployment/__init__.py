"""Hand-over to firmware: a folder that a TFLM project of any ecosystem builds, or standalone C."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import ArrayLike

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.handover.deployment.c import deploy_c
from tinykit.handover.deployment.golden import make_golden_vectors
from tinykit.handover.deployment.operators import OPERATORS, add_method
from tinykit.handover.deployment.outcome import Deployment
from tinykit.handover.deployment.self_test import SelfTestLog, VectorResult, read_self_test_log
from tinykit.handover.deployment.tflm import MARGIN, deploy_tflm
from tinykit.model.graph import ModelGraph
from tinykit.train.datasets import Accuracy, Normalisation

__all__ = [
    "MARGIN",
    "OPERATORS",
    "TARGETS",
    "Deployment",
    "SelfTestLog",
    "VectorResult",
    "add_method",
    "deploy",
    "deploy_c",
    "deploy_tflm",
    "make_golden_vectors",
    "read_self_test_log",
]

TARGETS = ("tflm", "c")


def deploy(
    model: ModelGraph | bytes | str | Path,
    folder: str | Path,
    *,
    target: str = "tflm",
    arena: int | Estimate | None = None,
    kernels: str = "portable",
    accuracy: Accuracy | None = None,
    name: str = "",
    samples: ArrayLike | None = None,
    normalisation: Normalisation | None = None,
) -> Deployment:
    """Write a model for a target; arguments and errors as `deploy_tflm` and `deploy_c`.

    Parameters
    ----------
    arena : for "tflm" only, which needs it; a C program's arena is its own and of fixed size.
    kernels : for "c" only: "portable" or "cmsis-nn".
    normalisation : for "tflm" only: a C program takes the tensor as it is.

    Raises
    ------
    ParameterError : the target is not one of `TARGETS`, or "tflm" without an arena.
    """
    if target not in TARGETS:
        raise ParameterError(f"target {target!r} is not there yet; allowed: {', '.join(TARGETS)}")
    if target == "c":
        return deploy_c(model, folder, kernels=kernels, accuracy=accuracy, name=name, samples=samples)
    if arena is None:
        raise ParameterError("target 'tflm' needs an arena; pass what predict_arena says the model needs")
    return deploy_tflm(
        model, folder, arena=arena, accuracy=accuracy, name=name, samples=samples, normalisation=normalisation
    )
