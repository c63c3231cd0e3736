"""A rule of the lint, and a finding: where a model trips it, what that means on a device, and the cure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from string import Template
from types import MappingProxyType

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Operator


class Severity(StrEnum):
    """How much a finding weighs.

    An error: TFLM does not run the model, or computes something else. A note is told where all is asked for.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding(Result):
    """Where a model trips a rule.

    Parameters
    ----------
    id, severity : of the rule.
    where : operators, tensors or ends of the model.
    meaning : what that means on a device.
    cure : what to do in one line, and behind it lines to paste into the user's own tool.
    fixable : `tinykit lint --fix` can mend it.
    """

    id: str
    severity: Severity
    where: str
    meaning: str
    cure: str
    fixable: bool

    def __str__(self) -> str:
        return "; ".join(part for part in (self.meaning, self.cure.partition("\n")[0]) if part)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, as `data/lint.toml` has it; `operators` are the names that trip it, with `*` for any ending.

    `runs` marks an error that TFLM does not notice: it computes something else.
    """

    id: str
    severity: Severity
    meaning: str
    advice: str
    lines: str
    operators: tuple[str, ...] = ()
    fixable: bool = False
    runs: bool = False

    def names(self, operator: str) -> bool:
        """Whether the rule has an operator on its list."""
        return any(fnmatchcase(operator, pattern) for pattern in self.operators)

    def fill(self, words: Mapping[str, str]) -> Finding:
        """The finding, with `where` and the other words of a model filled in."""
        meaning, advice, lines = (
            Template(text).safe_substitute(words) for text in (self.meaning, self.advice, self.lines)
        )
        cure = f"{advice}\n{lines}".rstrip()
        return Finding(self.id, self.severity, words.get("where", "the model"), meaning, cure, self.fixable)


Words = dict[str, str]
"""What fills in a rule's text: `where` and whatever it names."""
Check = Callable[[ModelGraph, Rule], Words | Sequence[Operator] | None]
"""The operators of a model that trip a rule, or words where it tells of something else; nothing where none does."""
_SHOWN = 6


@remember_table
def list_rules() -> Mapping[str, Rule]:
    """Every rule by its id, in the order in which findings of one severity are told."""
    rows = read_toml(shipped_path("data", "lint.toml"))["rules"]
    rules = (
        Rule(**{**row, "severity": Severity(row["severity"]), "operators": tuple(row.get("operators", ()))})
        for row in rows
    )
    return MappingProxyType({rule.id: rule for rule in rules})


@remember_table
def rule_of(operator: str) -> str:
    """Id of the first rule above a note that has an operator on its list, "" where none has."""
    told = (rule for rule in list_rules().values() if rule.severity is not Severity.NOTE)
    return next((rule.id for rule in told if rule.names(operator)), "")


def find_named(graph: ModelGraph, rule: Rule) -> list[Operator]:
    """The check of a rule that only has a list of operators: each belongs to the first that lists it."""
    told = rule.severity is not Severity.NOTE
    return [one for one in graph.operators if (rule_of(one.name) == rule.id if told else rule.names(one.name))]


def tell(operators: Sequence[Operator]) -> Words:
    """The usual words of operators that trip a rule."""
    shown = ", ".join(str(operator.index) for operator in operators[:_SHOWN])
    numbers = shown + (" …" if len(operators) > _SHOWN else "")
    names = ", ".join(sorted({operator.name for operator in operators}))
    return {"where": f"operators {numbers}", "numbers": numbers, "count": str(len(operators)), "operators": names}
