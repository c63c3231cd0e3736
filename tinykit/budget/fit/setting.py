"""How a model is to run: what `check_fit` and `list_placements` are told beside model and board."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tinykit.budget.fit.verdict import Reserve
from tinykit.ground.errors import ParameterError
from tinykit.target.runtimes import NPU_RUNTIME as NPU_RUNTIME
from tinykit.target.runtimes import find_runtime


@dataclass(frozen=True, slots=True)
class Setting:
    """How the model is to run.

    Parameters
    ----------
    runtime, runtime_version, build : None for the core's default, or unknown.
    clock_hz : None for the core's highest.
    reserve : what stack and application take.
    use_engine : ask the TFLM interpreter (a child process) as well; without it the graph alone answers.
    """

    runtime: str | None = None
    runtime_version: str | None = None
    build: str | None = None
    clock_hz: float | None = None
    reserve: Reserve = field(default_factory=Reserve)
    use_engine: bool = True

    def __post_init__(self) -> None:
        if self.runtime is not None:
            find_runtime(self.runtime)
        if self.clock_hz is not None and not 0 < self.clock_hz < math.inf:
            raise ParameterError(f"clock {self.clock_hz} Hz; give hertz above 0, such as 120e6, or leave it out")
