"""Proof that the deployed model computes what was scored: on the virtual board, and on a real one."""

from __future__ import annotations

from dataclasses import asdict

from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, ParameterError, UnknownRuntimeError
from tinykit.handover.deployment import read_self_test_log
from tinykit.handover.virtual_board import BoardRun, run as run_on_board
from tinykit.model.graph import ModelGraph
from tinykit.model.record import DesignRecord, Stage
from tinykit.predict.runtime import quantise_input
from tinykit.target.boards import Board
from tinykit.train.datasets import Split

SAMPLES = 10


def prove_on_board(graph: ModelGraph, test: Split, board: Board) -> BoardRun | str:
    """Ten unseen samples through the compiled program in the board's memory map, against TFLM.

    Parameters
    ----------
    graph : the deployed int8 model.
    test : unseen samples, spread evenly over the split.
    board : target.

    Returns the run, or in words why there is none: no emulator installed, a core or operator it cannot take.
    """
    edge = graph.tensors[graph.inputs[0]]
    samples = test.x[:: max(1, len(test) // SAMPLES)][:SAMPLES].reshape(-1, *edge.shape[1:])
    try:
        return run_on_board(graph, board, quantise_input(samples, edge.scales[0], edge.zero_points[0]))
    except (MissingPackageError, UnknownRuntimeError, ParameterError, ModelError, EngineError) as error:
        return str(error).partition("\n")[0]


def keep_measurement(record: DesignRecord, log: str, stage: str = "int8") -> DesignRecord:
    """The record with what a real board's self-test said, as measured.

    Parameters
    ----------
    record : of the design that was deployed.
    log : text received from the board's serial port.
    stage : whose model the board ran; its hash is compared with the log's.

    Raises
    ------
    DataError : no complete self-test in the log, or one of another model.
    UnknownStageError : no such stage. OutputError : the record cannot be written.
    """
    found = read_self_test_log(log, model_sha256=record.stage(stage).sha256)
    results = {name: value for name, value in asdict(found).items() if value is not None and name != "vectors"}
    results |= {"equal": found.equal, "vectors": len(found.vectors)}
    if any(one.cycles is not None for one in found.vectors):
        results["cycles"] = found.cycles().to_json()
        if found.clock_hz:
            results["latency_s"] = found.latency(found.clock_hz).to_json()
    return record.with_stage(Stage("measured", parent=stage, results=results))
