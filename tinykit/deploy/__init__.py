"""Hand-over to firmware: a folder that a TFLM project of any ecosystem builds."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import ArrayLike

from tinykit.datasets import Accuracy, Normalisation
from tinykit.deploy.operators import OPERATORS, add_method
from tinykit.deploy.tflm import MARGIN, Deployment, deploy_tflm, make_golden_vectors
from tinykit.errors import ParameterError
from tinykit.graph import ModelGraph
from tinykit.quantity import Estimate

__all__ = ["MARGIN", "OPERATORS", "TARGETS", "Deployment", "add_method", "deploy", "deploy_tflm", "make_golden_vectors"]

TARGETS = ("tflm",)


def deploy(
    model: ModelGraph | bytes | str | Path,
    folder: str | Path,
    *,
    target: str = "tflm",
    arena: int | Estimate,
    accuracy: Accuracy | None = None,
    name: str = "",
    samples: ArrayLike | None = None,
    normalisation: Normalisation | None = None,
) -> Deployment:
    """Write a model for a target; arguments and errors as `deploy_tflm`.

    Raises
    ------
    ParameterError : the target is not one of `TARGETS`.
    """
    if target not in TARGETS:
        raise ParameterError(f"target {target!r} is not there yet; allowed: {', '.join(TARGETS)}")
    return deploy_tflm(
        model, folder, arena=arena, accuracy=accuracy, name=name, samples=samples, normalisation=normalisation
    )
