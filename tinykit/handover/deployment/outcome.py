"""What every target's export has in common: its result, its label and the lines at the head of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinykit.ground.results import Result
from tinykit.handover.codegen.names import to_comment, to_identifier
from tinykit.model.graph import ModelGraph
from tinykit.train.datasets.scoring import Accuracy


@dataclass(frozen=True, slots=True)
class Deployment(Result):
    """What was written.

    Parameters
    ----------
    folder, target, name : where, for which runtime, and the C++ namespace or C prefix.
    files : relative paths.
    methods : the resolver's `Add…` calls, one a kind of operator; for C the functions, one an operator.
    arena_bytes, needed_bytes : declared (with margin, a multiple of 16) and asked for; for C the program's own arena,
        the largest of any core, twice.
    golden_vectors : number of inputs with their expected outputs.
    sha256 : of the model.
    """

    folder: Path
    target: str
    name: str
    files: tuple[str, ...]
    methods: tuple[str, ...]
    arena_bytes: int
    needed_bytes: int
    golden_vectors: int
    sha256: str

    def __str__(self) -> str:
        return (
            f"{self.folder}: {len(self.files)} files for {self.target}, {len(self.methods)} operators, "
            f"arena {self.arena_bytes:,} bytes, {self.golden_vectors} golden vectors"
        )


def label_model(graph: ModelGraph, name: str) -> str:
    """Identifier of an export: from the name that was asked for, else from the file's."""
    file_name = Path(graph.path).stem if graph.path.endswith(".tflite") else "model"
    return to_identifier(name or file_name)


def describe_accuracy(accuracy: Accuracy | None) -> str:
    """The accuracy as a line that is safe in a comment."""
    return to_comment(f"{accuracy}, in TFLM") if accuracy is not None else "not given"


def describe_model(graph: ModelGraph, label: str, accuracy: str) -> tuple[str, ...]:
    """Lines for the head of each file, safe in a comment."""
    size = f"{graph.flatbuffer_bytes} flatbuffer bytes, {to_comment(graph.precision)}, {graph.macs} MACs"
    return (f"Model {label}: {size}.", f"sha256 {graph.sha256}", f"Accuracy: {accuracy}.", "Written by tinykit.")
