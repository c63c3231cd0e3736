"""The report of a design: one HTML file, nothing loaded from the net."""
