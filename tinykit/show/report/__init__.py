"""The report of a design: one HTML file, nothing loaded from the net."""

from tinykit.show.report.render import render_report, write_report

__all__ = ["render_report", "write_report"]
