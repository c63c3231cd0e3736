"""The lint of a graph: every rule asked, errors first."""

from tinykit.ground.caches import remember
from tinykit.model.graph.model import ModelGraph, Tensor
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.lint.checks import CHECKS
from tinykit.model.lint.finding import Finding, Severity, Words, find_named, list_rules, tell

FIRMWARE = "resolver"
"""Of no use where the model does not run."""
_SPECIFIED = ("float32", "int32", "int64", "bool")


def lint_graph(graph: GraphOrFile, *, notes: bool = False) -> tuple[Finding, ...]:
    """Findings about a graph, each with what to do, errors first; empty where there is nothing to say.

    Parameters
    ----------
    graph : the model, or its file.
    notes : also what is no fault: what a firmware must bring, what a runtime of old does not have.
    """
    found = _lint(as_graph(graph))
    return found if notes else tuple(one for one in found if one.severity is not Severity.NOTE)


@remember
def _lint(graph: ModelGraph) -> tuple[Finding, ...]:
    order, common = list(Severity), words_of(graph)
    asked = ((rule, CHECKS.get(rule.id, find_named)(graph, rule)) for rule in list_rules().values())
    found = [rule.fill(common | (words if isinstance(words, dict) else tell(words))) for rule, words in asked if words]
    if any(one.severity is Severity.ERROR for one in found):
        found = [one for one in found if one.id != FIRMWARE]
    return tuple(sorted(found, key=lambda one: order.index(one.severity)))


def words_of(graph: ModelGraph) -> Words:
    """What any rule may name: the inputs with batch 1 as `get_concrete_function` takes them.

    Integers that stand for numbers are float there, and a size that was left open is SIZE.
    """
    tensors = [graph.tensors[index] for index in graph.inputs]
    kinds = [tensor.dtype if tensor.dtype in _SPECIFIED else "float32" for tensor in tensors]
    shapes = [", ".join(["1", *_list_sizes(tensor)]) for tensor in tensors]
    specs = [f"tf.TensorSpec([{shape}], tf.{kind})" for shape, kind in zip(shapes, kinds, strict=True)]
    return {"specs": specs[0] if len(specs) == 1 else f"[{', '.join(specs)}]"}


def _list_sizes(tensor: Tensor) -> list[str]:
    """Sizes beside the batch."""
    told = tensor.signature if len(tensor.signature) == len(tensor.shape) else tensor.shape
    return [str(size) if known >= 0 else "SIZE" for size, known in zip(tensor.shape[1:], told[1:], strict=True)]
