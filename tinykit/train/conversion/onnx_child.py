"""The other side of the pipe: a worker that reads ONNX files, has them quantised, and makes a `.tflite` of them.

It runs inside a `Child` that has adopted this package; what a file does to it, it does to no other process.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.errors import TinykitError
from tinykit.model.graph.writing import write_tree
from tinykit.train.conversion.onnx_graph import open_graph, quantise
from tinykit.train.conversion.onnx_lowering import Lowering
from tinykit.train.conversion.onnx_rules import RULES


def answer(job: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What a file takes and whether it is quantised, or its `.tflite` and itself as QDQ ONNX, or why there is none."""
    try:
        import onnx

        graph, notes = open_graph(parts[0], Path(job["folder"]))
        shapes = {name: list(graph.shapes[name][1:]) for name in graph.inputs}
        about = {"version": f"onnx {onnx.__version__}", "quantised": graph.quantised, "inputs": shapes}
        if not job["convert"]:
            return about, []
        if not graph.quantised:
            given = zip(graph.inputs, parts[1:], job["shapes"], strict=True)
            graph = quantise(graph, {name: np.frombuffer(part, np.float32).reshape(one) for name, part, one in given})
        made = write_tree(Lowering(graph, RULES, notes).run())
        return {**about, "notes": notes}, [made, graph.proto.SerializeToString()]
    except TinykitError as error:
        return {"refused": str(error)}, []
    except (MemoryError, RecursionError):
        return {"refused": "it asks for more memory than any model for a microcontroller needs"}, []
