"""Latency of int8 models on microcontroller CPUs, with the runtime's name and an 80 % interval.

Instructions per operator from an analytic model of each kernel, fitted to exact counts; cycles per
instruction from published measurements, pooled so that thin groups borrow from rich ones.
"""
