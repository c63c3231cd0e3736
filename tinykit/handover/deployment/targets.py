"""The targets of `deploy`: what writes the files of each, and which options are its own."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.handover.deployment.exports import deploy_c, deploy_tflm
from tinykit.handover.deployment.writing import Deployment
from tinykit.model.graph.model import ModelGraph
from tinykit.train.datasets.dataset import Normalisation
from tinykit.train.datasets.scoring import Accuracy


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
    name: str = "", samples: ArrayLike | None = None, normalisation: Normalisation | None = None
) -> Deployment:  # fmt: skip
    """Write a model for a target; what the options mean, and errors, as `deploy_tflm` and `deploy_c`.

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
    normalisation : for "tflm": a C program takes the tensor as it is.

    Raises
    ------
    ParameterError : the target is not one of `TARGETS`, takes no such option, or is "tflm" without an arena.
    """
    exporter = find_exporter(target)
    own = {"arena": arena, "kernels": kernels, "normalisation": normalisation}
    given = {option: value for option, value in own.items() if value is not None}
    if foreign := sorted(set(given) - set(exporter.options)):
        takes = ", ".join(exporter.options)
        raise ParameterError(f"target {target!r} takes no {' and no '.join(foreign)}; its options: {takes}")
    if target == "tflm" and arena is None:
        raise ParameterError("target 'tflm' needs an arena; pass what predict_arena says the model needs")
    return exporter.write(model, folder, accuracy=accuracy, name=name, samples=samples, **given)
