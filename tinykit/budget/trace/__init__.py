"""Measured current traces: read in bounded memory, split into plateaus, held against a budget."""
