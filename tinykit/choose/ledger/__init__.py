"""What each variant of a network takes on a target, stored in each of its forms, and which to take."""

from __future__ import annotations

from tinykit.choose.ledger.choosing import Budgets, Check, Recommendation, recommend
from tinykit.choose.ledger.forms import FORMS, Form, list_forms, list_runnable
from tinykit.choose.ledger.rows import LedgerRow, WeightCount, count_weights, weigh_row
from tinykit.choose.ledger.table import Ledger, fill_ledger, open_ledger
from tinykit.choose.ledger.variants import ModelSizes, Variant, count_zero_weights, measure_sizes, weigh_variant

__all__ = [
    "FORMS",
    "Budgets",
    "Check",
    "Form",
    "Ledger",
    "LedgerRow",
    "ModelSizes",
    "Recommendation",
    "Variant",
    "WeightCount",
    "count_weights",
    "count_zero_weights",
    "fill_ledger",
    "list_forms",
    "list_runnable",
    "measure_sizes",
    "open_ledger",
    "recommend",
    "weigh_row",
    "weigh_variant",
]
