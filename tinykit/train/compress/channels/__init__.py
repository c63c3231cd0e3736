"""Structured pruning: whole output channels removed, and everything downstream rewired."""
