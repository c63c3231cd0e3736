"""Verdicts over the whole design: what to expect on a board, and what each variant takes."""

from __future__ import annotations

from tinykit.recommend.choosing import Budgets, Check, Recommendation, recommend
from tinykit.recommend.forms import FORMS, Form, Target, list_forms
from tinykit.recommend.ledger import Variant, count_zero_weights, weigh_variant
from tinykit.recommend.outlook import PERIODS_S, Outlook, find_period, look_ahead, look_hot, sweep_periods
from tinykit.recommend.rows import LedgerRow, Weights, count_weights, weigh_row
from tinykit.recommend.scenarios import look_warm, plan_design, sweep_design, weigh_design
from tinykit.recommend.sizes import ModelSizes, measure_sizes
from tinykit.recommend.table import Ledger, fill_ledger, open_ledger

__all__ = [
    "FORMS",
    "PERIODS_S",
    "Budgets",
    "Check",
    "Form",
    "Ledger",
    "LedgerRow",
    "ModelSizes",
    "Outlook",
    "Recommendation",
    "Target",
    "Variant",
    "Weights",
    "count_weights",
    "count_zero_weights",
    "fill_ledger",
    "find_period",
    "list_forms",
    "look_ahead",
    "look_hot",
    "look_warm",
    "measure_sizes",
    "open_ledger",
    "plan_design",
    "recommend",
    "sweep_design",
    "sweep_periods",
    "weigh_design",
    "weigh_row",
    "weigh_variant",
]
