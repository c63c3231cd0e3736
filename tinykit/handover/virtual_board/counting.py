"""Instructions on a core whose emulator may be missing: counted where it is installed, else what was counted before.

QEMU, which alone runs the Cortex-M55, comes from the system's packages and not from pip. For the models of the course
the counts that `run` found with it are kept in data/latency/board_counts.csv, under the hashes of model and inputs; a
test runs them again. A count that was never made is not guessed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tinykit.ground.errors import EngineError, MissingPackageError
from tinykit.ground.results import Result
from tinykit.handover.virtual_board.compilers import choose_compiler
from tinykit.handover.virtual_board.finding import interleave
from tinykit.handover.virtual_board.result import BoardRun
from tinykit.handover.virtual_board.running import Inputs, run
from tinykit.model.graph import ModelGraph
from tinykit.predict.latency.tables import read_table
from tinykit.target.boards import Board, find_board


@dataclass(frozen=True, slots=True)
class CoreCount(Result):
    """Instructions of one inference of the first sample on a core.

    Parameters
    ----------
    board, core, kernels, compiler : what was built.
    instructions : the model's own function included.
    operators : of each.
    macs : of the model.
    equal : all outputs equalled the TFLM interpreter's.
    how : "run by unicorn", "run by qemu", or "kept from a run by qemu" where it is not installed.
    """

    board: str
    core: str
    kernels: str
    compiler: str
    instructions: int
    operators: tuple[int, ...] = field(repr=False)
    macs: int
    equal: bool
    how: str = field(compare=False, repr=False)


def count(
    graph: ModelGraph, board: Board | str, inputs: Inputs, kernels: str = "cmsis-nn", *, compiler: str | None = None
) -> CoreCount:
    """Count a model's instructions on a board, from a kept run where no emulator of its core is installed.

    Parameters
    ----------
    As of `run`.

    Raises
    ------
    MissingPackageError : the emulator is not installed, and no run of this model and these inputs was kept.
    EngineError : the program came to a fault. Others as `run`.
    """
    target = find_board(board)
    try:
        found = run(graph, target, inputs, kernels, compiler=compiler)
    except MissingPackageError as error:
        built_by = str(choose_compiler(compiler))
        kept = _recall(graph, target, (hash_inputs(inputs), target.id, kernels, built_by))
        if kept is None:
            said = f"no count of this model on {target.id} with {built_by} was kept"
            raise MissingPackageError(f"{error}\n{said}") from error
        return kept
    return of_run(found, graph)


def of_run(found: BoardRun, graph: ModelGraph) -> CoreCount:
    """The count of a run that came to its end.

    Raises
    ------
    EngineError : it ended in a fault.
    """
    if found.instructions is None:
        said = found.fault.text if found.fault else "no reason known"
        raise EngineError(f"{found.board} counted nothing: {said}\nlook at the fault with tk.virtual_board.run")
    return CoreCount(
        found.board, found.core, found.kernels, found.compiler, found.instructions,
        tuple(one.instructions for one in found.operators), graph.macs, found.equal, f"run by {found.engine}",
    )  # fmt: skip


def hash_inputs(inputs: Inputs) -> str:
    """SHA-256 of the samples, as in `BoardRun.hashes`."""
    arrays = inputs if isinstance(inputs, tuple) else (inputs,)
    return hashlib.sha256(interleave(arrays)).hexdigest()


def _recall(graph: ModelGraph, board: Board, built: tuple[str, ...]) -> CoreCount | None:
    """The kept count of this model for the rest of `KEYS`, None where there is none."""
    for row in read_table("board_counts").rows:
        if tuple(row[name] for name in KEYS) == (graph.sha256, *built):
            each = tuple(int(one) for one in row["operators"].split())
            return CoreCount(
                board.id, board.core, row["kernels"], row["compiler"], int(row["instructions"]), each, graph.macs,
                equal=True, how=f"kept from a run by {row['engine']}",
            )  # fmt: skip
    return None


KEYS = ("model_sha256", "inputs_sha256", "board", "kernels", "compiler")
"""Columns that tell the kept counts apart."""
