"""Was every normalisation folded into the layer before it?"""

from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators.table import row_of


def find_stray_operators(graph: ModelGraph) -> tuple[Operator, ...]:
    """Operators that multiply or add constants to the output of a layer with weights: what unfolded batch
    normalisation leaves.

    A MUL, ADD, SUB or DIV with one constant operand counts where its other operand is the output of a convolution or a
    fully connected operator without activation that nothing else reads, or of another such operator; its constant must
    be one number or one a channel (the last axis), as a scale or an offset that could be folded is.
    """
    readers: dict[int, int] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers[index] = readers.get(index, 0) + 1
    foldable: set[int] = set()
    found = []
    for operator in graph.operators:
        row = row_of(operator.name)
        stray = row.role == "affine" and _continues(graph, operator, foldable)
        if stray:
            found.append(operator)
        if stray or (row.weights and row.weights.folds):
            alone = [one for one in operator.outputs if readers.get(one) == 1 and one not in graph.outputs]
            foldable |= set(alone) if operator.activation in ("", "NONE") else set()
    return tuple(found)


def _continues(graph: ModelGraph, operator: Operator, foldable: set[int]) -> bool:
    constants = [index for index in operator.inputs if index >= 0 and graph.tensors[index].is_constant]
    others = [index for index in operator.inputs if index in foldable]
    if len(operator.inputs) != 2 or len(constants) != 1 or len(others) != 1 or not operator.outputs:
        return False
    constant, shape = graph.tensors[constants[0]], graph.tensors[operator.outputs[0]].shape
    channels = shape[-1] if shape else 1
    return constant.elements == 1 or (constant.elements == channels and constant.shape[-1:] == (channels,))
