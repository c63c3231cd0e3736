"""Energy per inference: supply voltage × run current × latency × a factor for ML kernels.

A board's data sheet gives the run current of a loop of its maker's choice; neural kernels draw more.
How much more was fitted to MLPerf Tiny (`data/power/run_current.toml`). A measured power of the board
wins over that, and a current the user measured wins over everything.
"""
