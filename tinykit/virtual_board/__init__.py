"""The virtual board: a model compiled for a Cortex-M, run inside the board's own memory map, counted and checked."""
