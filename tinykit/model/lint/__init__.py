"""What a model file gives away: rules with what each means on a device and the cure, in `data/lint.toml`."""

from tinykit.model.lint.checks import find_stray_operators
from tinykit.model.lint.finding import Finding, Rule, Severity, list_rules
from tinykit.model.lint.linting import lint_graph

__all__ = ["Finding", "Rule", "Severity", "find_stray_operators", "lint_graph", "list_rules"]
