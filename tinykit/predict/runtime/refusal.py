"""Why TFLM does not run a model: the interpreter's own words, and behind them the cause that the file gives away."""

import re
from dataclasses import dataclass, replace

import numpy as np

from tinykit.ground.caches import remember
from tinykit.ground.errors import EngineError, ModelError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.lint import Finding, Severity, lint_graph, list_rules
from tinykit.model.lint.checks import find_known
from tinykit.model.lint.finding import tell
from tinykit.model.lint.linting import FIRMWARE, words_of
from tinykit.predict.runtime.session import WARM, Session, measure_arena

_PLACE = re.compile(r"operator (\d+)")
_WIDE = "int16"
_LIKELY = ("fake-quantised", "dequantised-weights")
"""Findings that TFLM may run, and that are the cause where it does not."""
_ELSE = "TFLM computes something else"
_BY_CHANCE = "no-data"  # a model that TFLM runs, loops on or dies of by what lies in memory: that would prove nothing
_QUICK_MACS = 20_000_000
"""What the interpreter's reference kernels compute within about a second."""


@dataclass(frozen=True, slots=True)
class Diagnosis(Result):
    """What a model gives away, and what TFLM says of it.

    Parameters
    ----------
    findings : of the lint, with the refusal itself where no rule tells its cause; errors first.
    refusal : why TFLM does not run the model, or computes something else than it was made for, in one line; "" where
        nothing stands against it.
    head_bytes : head of the arena as the interpreter records it [byte]; None where it was not asked, or refuses.
    unasked : why the interpreter, which was to be asked, gave no answer, so that the file alone speaks; else empty.
    """

    findings: tuple[Finding, ...]
    refusal: str
    head_bytes: int | None = None
    unasked: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[Finding, ...]:
        """The findings that keep the model from running."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The refusal, and what each cause means on a device; none where nothing stands against the model."""
        told = [one.meaning for one in self.causes if one.meaning not in self.refusal]
        return (self.refusal, *told) if self.refusal else ()

    @property
    def cures(self) -> tuple[str, ...]:
        """What to do about each cause, with lines to paste."""
        return tuple(one.cure for one in self.causes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What costs time or memory, in a line each."""
        return tuple(str(one) for one in self.findings if one.severity is Severity.WARNING)


def diagnose(graph: GraphOrFile, *, use_engine: bool = True) -> Diagnosis:
    """The lint of a model, and whether TFLM runs it.

    Parameters
    ----------
    graph : the model, or its file.
    use_engine : ask the interpreter (a child process); where it cannot answer (`unasked`), or is not to be asked, the
        file alone does.
    """
    graph = as_graph(graph)
    found, rules = lint_graph(graph, notes=True), list_rules()
    if chance := [one.meaning for one in found if one.id == _BY_CHANCE]:
        return Diagnosis(found, f"{_ELSE}: {chance[0]}")
    said, head, unasked = _ask_if(graph, use_engine)
    if said is None:  # nobody was asked, or nobody is there
        causes = [one for one in found if one.severity is Severity.ERROR]
        refusal = f"TFLM does not run this model: {causes[0].meaning}" if causes else ""
        return Diagnosis(found, refusal, unasked=unasked)
    if not said:  # it runs: only what it computes wrong stands against it
        kept = tuple(one for one in found if one.severity is not Severity.ERROR or rules[one.id].runs)
        wrong = [one.meaning for one in kept if one.severity is Severity.ERROR]
        return Diagnosis(kept, f"{_ELSE}: {wrong[0]}" if wrong else "", head)
    refusal = f"the TFLM interpreter refuses this model: {said.partition(chr(10))[0]}"
    caused = any(one.severity is Severity.ERROR for one in found)
    told = found if caused else _explain(graph, found, said)
    return Diagnosis(tuple(one for one in told if one.id != FIRMWARE), refusal)


def _explain(graph: ModelGraph, found: tuple[Finding, ...], said: str) -> tuple[Finding, ...]:
    """The findings with the cause in front: one that is likely to have been it, or the interpreter's words."""
    likely = next((one for one in found if one.id in _LIKELY), None)
    if likely is None:
        return (_tell(graph, said), *found)
    return (replace(likely, severity=Severity.ERROR), *(one for one in found if one is not likely))


def diagnose_shapes(graph: ModelGraph) -> Diagnosis:
    """What is wrong with a model whoever runs it: what TFLM would not notice."""
    rules = list_rules()
    found = tuple(one for one in lint_graph(graph) if one.severity is Severity.ERROR and rules[one.id].runs)
    return Diagnosis(found, f"{_ELSE}: {found[0].meaning}" if found else "")


def require_sound(graph: ModelGraph) -> None:
    """Nothing is made, no firmware and no golden vectors, of a model that TFLM refuses or computes wrong.

    Raises
    ------
    ModelError : it is one; the message has the first cause's cure.
    """
    found = diagnose(graph)
    if found.refusal:
        cure = found.cures[0].partition("\n")[0] if found.cures else "convert it again"
        raise ModelError(f"{found.refusal}\n{cure}\n`tinykit lint` prints the lines to paste")


def _ask_if(graph: ModelGraph, wanted: bool) -> tuple[str | None, int | None, tuple[str, ...]]:
    """As `_ask`; None where nobody answers, and why, where somebody was to."""
    try:
        return (*_ask(graph), ()) if wanted else (None, None, ())
    except EngineError as error:
        told = f"the interpreter was not asked, so the file alone speaks: {error}"
        return None, None, (told.partition("\n")[0],)


@remember
def _ask(graph: ModelGraph) -> tuple[str, int | None]:
    """Why TFLM refuses the model, "" if it does not, and the head it recorded; an EngineError is not remembered."""
    try:
        head = measure_arena(graph.data, smallest=False).head_bytes
        if graph.macs <= _QUICK_MACS:
            WARM.ask(lambda child: _run_once(Session(graph.data, child=child)))
        return "", head
    except ModelError as error:
        return str(error), None


def _run_once(session: Session) -> None:
    """One inference on zeros: some kernels look at their types only then."""
    session.run_all(tuple(np.zeros((1, *one.shape), one.dtype) for one in session.inputs))


def _tell(graph: ModelGraph, said: str) -> Finding:
    """The interpreter's words as a finding, by another rule where the operator that it names is one of int16."""
    reason, _, advice = said.partition("\n")
    named = _PLACE.search(reason)
    index = int(named[1]) if named else len(graph.operators)
    operator = graph.operators[index] if index < len(graph.operators) else None
    if operator and {index for one in find_known(graph) for index in one.outputs} & set(operator.inputs):
        return list_rules()["shape-kernel"].fill({**words_of(graph), **tell([operator])})
    types = {graph.tensors[one].dtype for one in operator.inputs[:1] if one >= 0} if operator else set()
    rule = list_rules()["int16-kernel" if _WIDE in types else "refused"]
    words = {"where": f"operators {index}", "operators": operator.name} if operator else {}
    default = rule.advice if rule.id == "int16-kernel" else "convert the model again, or replace that layer"
    return rule.fill({**words, "reason": reason, "otherwise": advice.replace("\n", " ") or default})
