"""The report of a design: one HTML file, nothing loaded from the net."""

from tinykit.report.render import render_report

__all__ = ["render_report"]
