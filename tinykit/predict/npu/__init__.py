"""Arm Ethos-U through Arm's own compiler, Vela, in a child process: cycles, memory, and what stays on the CPU."""
