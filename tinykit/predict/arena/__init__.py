"""The tensor arena: TFLM's plan and its 32-bit size, from the graph alone."""

from tinykit.predict.arena.offline import ArenaComparison, compare_plans, plan_offline, with_offline_plan
from tinykit.predict.arena.plan import ArenaPlan, Buffer, PlacedBuffer, list_buffers, plan_greedily
from tinykit.predict.arena.predict import ArenaEstimate, arena_for_any_core, predict_arena
from tinykit.predict.arena.scratch import list_scratch_bytes

__all__ = [
    "ArenaComparison", "ArenaEstimate", "ArenaPlan", "Buffer", "PlacedBuffer", "arena_for_any_core", "compare_plans",
    "list_buffers", "list_scratch_bytes", "plan_greedily", "plan_offline", "predict_arena", "with_offline_plan",
]  # fmt: skip
