"""Operators: what the kit knows of each, one row an operator, with the rules its cells name."""
