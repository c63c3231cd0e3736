"""A candidate of a search: the data side, the network, how it is trained and stored; one value with one hash."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinykit.choose.design.steps import Step
from tinykit.ground.errors import ModelError, ParameterError, look_up
from tinykit.ground.facts import without_none
from tinykit.ground.results import Result
from tinykit.model.record import hash_bytes
from tinykit.train.architecture.value import Architecture
from tinykit.train.compress.recipe import Training
from tinykit.train.fronts.front import Front
from tinykit.train.zoo import networks

PRECISIONS, COMPRESSIONS = ("int8", "int8 QAT", "int16x8"), ("none", "sparse", "grid")
_SPARSITY = 0.75


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """What a search draws: a network, or the name of a hand-made one, what feeds it, how it is trained and stored.

    Parameters
    ----------
    architecture, network : one of both: a value, or a name of the zoo.
    front : how the signal is cut, sampled and turned into features; None as the task has it.
    training : of the float network; pruning, grid and QAT take a third of its epochs.
    precision : "int8" quantised after training, "int8 QAT" trained on with rounding, or "int16x8".
    compression : "none", "sparse" (75 % zeros) or "grid" (16 levels a channel), both stored for DECODE.

    Raises
    ------
    ParameterError : no such precision or compression.
    """

    architecture: Architecture | None
    training: Training
    front: Front | None = None
    network: str = ""
    precision: str = "int8"
    compression: str = "none"

    def __post_init__(self) -> None:
        for name, allowed in (("precision", PRECISIONS), ("compression", COMPRESSIONS)):
            if getattr(self, name) not in allowed:
                raise ParameterError(f"{name} {getattr(self, name)!r} of a candidate; allowed: {', '.join(allowed)}")

    def __str__(self) -> str:
        parts = self.front, self.architecture or self.network, self.precision, self.compression
        return "; ".join(str(one) for one in parts if one not in (None, "none"))

    @property
    def value(self) -> Architecture:
        """The network as a value, a hand-made one as the zoo has it; ModelError: it has no such network."""
        known = {own.name: own.architecture for own in networks()}
        return self.architecture or look_up(self.network, known, f"no network {self.network!r} in the zoo", ModelError)

    @property
    def stored_as(self) -> str:
        """The precision its file has, however it was trained: "int8" or "int16x8"."""
        return self.precision.split()[0]

    @property
    def sha256(self) -> str:
        """Of all that makes it, the same in every process: two with one hash are one."""
        return hash_bytes(json.dumps(self.to_json(), sort_keys=True).encode())

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Candidate":
        """The candidate that `to_json` wrote; errors as of its parts."""
        built, front, fit = (values[name] for name in ("architecture", "front", "training"))
        rest = {name: values[name] for name in ("network", "precision", "compression")}
        network = Architecture.from_json(built) if built else None
        return cls(network, Training(**fit), Front.from_json(front) if front else None, **rest)

    def steps(self, seed: int, **origin: Any) -> tuple[Step, ...]:
        """The steps of a design that make it, from "float" to "int8"; `origin` goes into their recipes."""
        fit = without_none(self.training.to_json())
        brief = {**fit, "epochs": max(1, self.training.epochs // 3), "learning_rate": self.training.learning_rate / 2}
        first, on = {**fit, "seed": seed, **origin}, {**brief, "seed": seed, **origin}
        made = {"architecture": self.architecture.to_json()} if self.architecture else {"network": self.network}
        steps = [Step("float", "train", "", {**made, **first})]
        if self.compression == "sparse":
            whole = {name: own for name, own in on.items() if name != "patience"}  # its zeros grow to the last epoch
            steps.append(Step("pruned", "prune", "float", {"sparsity": _SPARSITY, "schedule": "polynomial", **whole}))
        if self.compression == "grid":
            steps.append(Step("gridded", "grid", "float", on))
        if self.precision == "int8 QAT":
            kept = {"preserve": "sparsity"} if self.compression == "sparse" else {}
            steps.append(Step("qat", "quantise", steps[-1].name, {**kept, **on}))
        plain = {"precision": self.stored_as, "representative": 200, **origin}
        if self.compression == "none":
            return (*steps, Step("int8", "convert", steps[-1].name, plain))
        coded = Step("int8", "decode", "converted", origin)
        return (*steps, Step("converted", "convert", steps[-1].name, plain), coded)
