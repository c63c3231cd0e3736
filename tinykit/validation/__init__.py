"""Predictions against measured rows: errors by core and runtime, and rows of one's own that sharpen them."""

from tinykit.validation.compare import ComparedRow, GroupError, Validation, validate
from tinykit.validation.rows import MeasuredRow, Skipped, read_rows
from tinykit.validation.sharpen import Calibration, calibrate

__all__ = [
    "Calibration",
    "ComparedRow",
    "GroupError",
    "MeasuredRow",
    "Skipped",
    "Validation",
    "calibrate",
    "read_rows",
    "validate",
]
