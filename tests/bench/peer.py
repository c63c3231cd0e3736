"""mcufit, a published tool that answers the same questions, asked at its best settings through its own modules.

It is in the test extra and nowhere in the package. Its tables stay with it: only its answers are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """Arena and flash [byte], latency [s] by the tool's own board names; None where it has none."""

    arena_bytes: int
    flash_bytes: int
    latency_s: dict[str, float]


class Peer:
    """The tool, loaded once: TFLM as wasm32 under node where there is a node, else its static estimate.

    Raises
    ------
    ImportError : mcufit is not installed.
    """

    def __init__(self) -> None:
        from mcufit.analysis.fit_checker import FitChecker
        from mcufit.boards.yaml_repo import YamlBoardRepository
        from mcufit.estimation.greedy import GreedyLifetimeEstimator
        from mcufit.estimation.wasm import WasmArenaEstimator, node_executable
        from mcufit.parsing.tflite_parser import TFLiteModelParser

        node = node_executable()
        self.version = metadata.version("mcufit")
        self.method = "TFLM as wasm32 under node" if node else "static estimate, no node here"
        self._parser, self._boards = TFLiteModelParser(), YamlBoardRepository()
        self._estimator: Any = WasmArenaEstimator(node=node) if node else GreedyLifetimeEstimator()
        self._checker = FitChecker

    def read(self, path: Path) -> Any:
        """Its parsed model."""
        return self._parser.parse(path)

    def check_all(self, model: Any) -> list[Any]:
        """Its verdict on each of its boards."""
        return list(self._checker(estimator=self._estimator, boards=self._boards).check_all(model))

    def ask(self, path: Path) -> PeerAnswer:
        """All it says of one model."""
        from mcufit.analysis.latency import estimate_latency, measured_boards

        model = self.read(path)
        reports = self.check_all(model)
        boards = {report.board.id: report.board for report in reports}
        found = {name: estimate_latency(model, boards[name]) for name in measured_boards() if name in boards}
        times = {name: one.milliseconds / 1e3 for name, one in found.items() if one is not None}
        return PeerAnswer(reports[0].estimate.total_arena_bytes, reports[0].flash_needed_bytes, times)
