"""What a model keeps between two runs: where it lies, and with what it begins."""

from dataclasses import dataclass

from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.plan import align


@dataclass(frozen=True, slots=True)
class State:
    """One stretch of the kept bytes: the tensor it is, where it begins, how long it is, and the byte it starts as."""

    tensor: int
    offset: int
    nbytes: int
    fill: int

    @property
    def end(self) -> int:
        """Where the next may begin."""
        return self.offset + align(self.nbytes)


def list_states(graph: ModelGraph) -> tuple[State, ...]:
    """The variable tensors: 0 at first, the zero point where they are int8 (`ResetVariableTensors`, TFLM)."""
    found: list[State] = []
    for tensor in graph.tensors:
        if tensor.is_variable and not tensor.is_constant:
            fill = int(tensor.zero_points[0]) if tensor.dtype == "int8" and tensor.zero_points else 0
            found.append(State(tensor.index, found[-1].end if found else 0, tensor.nbytes, fill))
    return tuple(found)
