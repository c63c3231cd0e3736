"""Predictions against measured rows: errors by core and runtime, and rows of one's own that sharpen them."""
