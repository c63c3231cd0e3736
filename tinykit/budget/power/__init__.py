"""Power budgets: states, duty cycle, cells and their life. The door of the wing, `tinykit.budget`, has every name."""
