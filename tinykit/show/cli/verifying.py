"""`verify`: does the microcontroller's interpreter compute what others compute?"""

from itertools import groupby
from pathlib import Path
from typing import Any

from tinykit.ground.errors import ParameterError
from tinykit.handover.deployment.onnx_file import write_onnx
from tinykit.model.graph.given import is_onnx
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import load
from tinykit.predict.runtime.agreement import CodeComparison, Verification
from tinykit.predict.runtime.layers import LayerComparison, compare_layers
from tinykit.predict.runtime.samples import read_inputs, sample_inputs
from tinykit.predict.runtime.verify import verify_model as compare
from tinykit.show.cli.models import Options, open_model, read_bytes
from tinykit.show.cli.text import say, say_json

_WITHIN_S = 6.0
"""TFLM begins no further sample after this time; three other interpreters and the search for an operator follow."""
_MOST_BARS = 24
_DEFAULT, _ONNX = "litert", "onnxruntime"
"""What `--against` names besides files."""
_BOARD = "nucleo-h743zi2"
_STATES = {"": "", "reset": ", state reset before each", "kept": ", state kept from one to the next"}


def verify(options: Options) -> int:
    """`tinykit verify`."""
    graph = open_model(options.model, options.representative)
    onnx = _find_onnx(options, graph)
    against = read_bytes(options.against) if onnx is None and options.against not in (None, _DEFAULT) else None
    inputs = read_inputs(options.samples, graph) if options.samples else sample_inputs(graph.data)
    result = compare(graph.data, inputs, against, onnx=onnx, third=_ask_virtual_board, within_s=_WITHIN_S)
    layers = _compare_layers(graph, options.against, inputs) if options.layers else None
    if options.json:
        say_json({**describe_verification(result), **({"layers": layers.to_json()} if layers else {})})
        return 0 if result.same else 1
    kind = "inputs of yours" if options.samples else "made-up inputs"
    for state, rows in groupby(result.comparisons, key=lambda one: one.state):
        _say_comparisons(f"TFLM against, {result.n} {kind}{_STATES[state]}", tuple(rows))
    judges = " and ".join(dict.fromkeys(one.reference for one in result.decisive))
    say(f"verdict, by {judges}: {result.verdict}", *(f"- {note}" for note in result.notes))
    if layers:
        say("", *str(layers).split("\n"))
    return 0 if result.same else 1


def _find_onnx(options: Options, graph: ModelGraph) -> bytes | None:
    """The ONNX model to compare with: a file, the model itself where it is one, or what it becomes; None for none."""
    given = options.model if options.against == _ONNX else options.against or ""
    if Path(given).is_file() and is_onnx(content := load(Path(given)), given):
        return content
    return write_onnx(graph) if options.against == _ONNX else None


def _say_comparisons(head: str, rows: tuple[CodeComparison, ...]) -> None:
    steps = ", ".join(f"one {output.unit} = {output.step:g}" for output in rows[0].outputs)
    say(f"{head}, {steps}:")
    for comparison in rows:
        say(str(comparison), f"  {comparison.unit} histogram {_tell_histogram(comparison.histogram)}")
        if len(comparison.outputs) > 1:
            say(*(f"  {output}" for output in comparison.outputs))
        say(f"  {comparison.explanation}")


def _tell_histogram(histogram: dict[int, int]) -> str:
    """Whole where it is short, else how it spreads."""
    if len(histogram) <= _MOST_BARS:
        return str(histogram)
    return f"of {len(histogram)} different sizes, from {min(histogram):,} to {max(histogram):,}"


def describe_verification(result: Verification) -> dict[str, Any]:
    """TFLM against its references, the decisive one in full."""
    decisive = result.decisive[-1].reference if result.decisive else None
    rows = [one for one in result.comparisons if one.reference == decisive]
    outputs = [{"state": row.state or None, **one.to_json()} for row in rows for one in row.outputs]
    first = next((one.verdict.first for one in rows if one.verdict.first), None)
    return {
        "n": result.n, "step": result.step, "same": result.same, "verdict": str(result.verdict), "against": decisive,
        "outputs": outputs, "first_difference": first.to_json() if first else None, "notes": result.notes,
        "comparisons": [_describe(one) for one in result.comparisons],
    }  # fmt: skip


def _describe(comparison: CodeComparison) -> dict[str, Any]:
    ordered = {str(difference): count for difference, count in sorted(comparison.histogram.items())}
    return comparison.to_json() | {"histogram": ordered}


def _compare_layers(graph: ModelGraph, against: str | None, inputs: Any) -> LayerComparison:
    if against in (None, _DEFAULT):
        raise ParameterError("--layers compares with a float model; name it: --against FLOAT.tflite")
    return compare_layers(open_model(against), graph, inputs)


def _ask_virtual_board(model: bytes, inputs: Any) -> Any:
    """The kit's own C, on the virtual board: a third opinion about one operator."""
    from tinykit.handover.virtual_board import run  # only a difference needs the exporter and the emulator
    from tinykit.model.graph.reading import read

    outputs = run(read(model), _BOARD, inputs, "portable").outputs
    if outputs is None:
        raise ParameterError(f"the operator does not run on {_BOARD}")
    return outputs if isinstance(outputs, tuple) else (outputs,)
