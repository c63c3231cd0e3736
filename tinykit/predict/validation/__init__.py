"""Predictions against measured rows: errors by core and runtime, and rows of one's own that sharpen them."""

from tinykit.predict.validation.compare import ComparedRow, GroupError, Validation, validate
from tinykit.predict.validation.published import PublishedError, quote_error, read_errors
from tinykit.predict.validation.rows import MeasuredRow, Skipped, read_rows
from tinykit.predict.validation.sharpen import Calibration, calibrate

__all__ = [
    "Calibration", "ComparedRow", "GroupError", "MeasuredRow", "PublishedError", "Skipped", "Validation", "calibrate",
    "quote_error", "read_errors", "read_rows", "validate",
]  # fmt: skip
