"""The tensor arena: TFLM's plan and its 32-bit size, from the graph alone."""

from tinykit.arena.plan import ArenaPlan, Buffer, PlacedBuffer, list_buffers, plan_greedily
from tinykit.arena.predict import ArenaEstimate, predict_arena
from tinykit.arena.scratch import list_scratch_bytes

__all__ = [
    "ArenaEstimate",
    "ArenaPlan",
    "Buffer",
    "PlacedBuffer",
    "list_buffers",
    "list_scratch_bytes",
    "plan_greedily",
    "predict_arena",
]
