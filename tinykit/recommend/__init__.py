"""Verdicts over the whole design: what to expect on a board, and what each variant takes."""

from __future__ import annotations

from tinykit.recommend.ledger import Variant, count_zero_weights, weigh_variant
from tinykit.recommend.outlook import PERIODS_S, Outlook, find_period, look_ahead, look_hot, sweep_periods
from tinykit.recommend.scenarios import look_warm, plan_design, sweep_design, weigh_design
from tinykit.recommend.sizes import ModelSizes, measure_sizes

__all__ = [
    "PERIODS_S",
    "ModelSizes",
    "Outlook",
    "Variant",
    "count_zero_weights",
    "find_period",
    "look_ahead",
    "look_hot",
    "look_warm",
    "measure_sizes",
    "plan_design",
    "sweep_design",
    "sweep_periods",
    "weigh_design",
    "weigh_variant",
]
