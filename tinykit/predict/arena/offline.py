"""A plan of the arena made before the model runs, where it beats TFLM's greedy one.

TFLM takes offsets from the metadata entry `OfflineMemoryAllocation` as they are. Its own planner places buffers by
falling size, which leaves gaps where large buffers follow each other in a chain; other orders leave fewer.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinykit.ground.caches import remember
from tinykit.ground.results import Result
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.plan import ArenaPlan, Buffer, list_buffers, place_in_order, plan_greedily
from tinykit.predict.arena.scratch import list_scratch_bytes

_TRIES = 200
_MOST_BUFFERS = 256
"""Beyond that many buffers the search does not go on from the ordered plans: a placement takes time squared."""


@dataclass(frozen=True, slots=True)
class ArenaComparison(Result):
    """The greedy plan of a model's head and the offline one, buffers in the same order.

    Parameters
    ----------
    graph, runtime, core : what was asked.
    greedy : as TFLM would plan alone.
    offline : of `plan_offline`.
    """

    graph: ModelGraph
    runtime: str
    core: str
    greedy: ArenaPlan
    offline: ArenaPlan

    @property
    def saved_bytes(self) -> int:
        """Bytes of head that the offline plan saves, 0 or more."""
        return self.greedy.head_bytes - self.offline.head_bytes


def compare_plans(graph: ModelGraph, *, runtime: str = "tflm-cmsis-nn", core: str = "cortex-m4") -> ArenaComparison:
    """The greedy and the offline plan of a model; a plan that the file holds already does not count."""
    buffers = list_buffers(graph, list_scratch_bytes(graph, runtime, core))
    greedy = plan_greedily(buffers, len(graph.operators) + 1)
    return ArenaComparison(graph, runtime, core, greedy, plan_offline(graph, runtime=runtime, core=core))


@remember
def plan_offline(graph: ModelGraph, *, runtime: str = "tflm-cmsis-nn", core: str = "cortex-m4") -> ArenaPlan:
    """The best plan of the head that a short search finds; never worse than TFLM's greedy plan.

    Every order in `_orders` is tried, then up to 200 changes of the best one; the search ends at the lower bound,
    where no plan can be smaller. The result is what TFLM makes of the plan: tensors where the plan says, scratch
    buffers, which cannot be planned offline, in the gaps that are left.

    Parameters
    ----------
    graph : the model.
    runtime, core : whose scratch buffers to plan for, as in `predict_arena`.
    """
    buffers = list_buffers(graph, list_scratch_bytes(graph, runtime, core))
    scopes = len(graph.operators) + 1
    best = plan_greedily(buffers, scopes)
    for plan in _candidates(buffers, scopes):
        if best.head_bytes == best.lower_bound_bytes:
            break
        taken = plan_greedily(buffers, scopes, tensor_offsets(graph, plan))
        best = min(best, taken, key=lambda one: one.head_bytes)
    return best


def tensor_offsets(graph: ModelGraph, plan: ArenaPlan) -> tuple[int, ...]:
    """Offset of each tensor of the graph in a plan, -1 for those that are not in the head."""
    placed = {one.buffer.tensor: one.offset for one in plan.placed if one.buffer.tensor >= 0}
    return tuple(placed.get(tensor.index, -1) for tensor in graph.tensors)


def with_offline_plan(graph: ModelGraph, plan: ArenaPlan) -> bytes:
    """The model file with a plan of its tensors written into it.

    Prove it before it goes anywhere (`tinykit.predict.prove_same`): an offset that is wrong overwrites a tensor.

    Raises
    ------
    ModelError : the file cannot be rewritten.
    """
    return write_offline_offsets(graph.data, tensor_offsets(graph, plan))


def _candidates(buffers: Sequence[Buffer], scopes: int) -> Iterator[ArenaPlan]:
    tried = [(place_in_order(buffers, order, scopes), order) for order in _orders(buffers, scopes)]
    yield from (plan for plan, _ in tried)
    if len(buffers) > _MOST_BUFFERS:
        return
    best, order = min(tried, key=lambda one: one[0].head_bytes)
    chance = random.Random(0)
    for _ in range(_TRIES):
        changed = _move_one_earlier(best, order, chance)
        plan = place_in_order(buffers, changed, scopes)
        if plan.head_bytes <= best.head_bytes:
            best, order = plan, changed
            yield plan


def _orders(buffers: Sequence[Buffer], scopes: int) -> Iterator[list[int]]:
    """Positions by lifetime, by size, by the fullest scope they live in, and by size × lifetime."""
    live = [sum(one.nbytes for one in buffers if one.first <= scope <= one.last) for scope in range(scopes)]

    def fullest(one: Buffer) -> int:
        return max(live[one.first : one.last + 1], default=0)

    keys = (
        lambda one: (one.first, -one.nbytes),
        lambda one: (-one.last, -one.nbytes),
        lambda one: (-fullest(one), -one.nbytes),
        lambda one: (-fullest(one), one.nbytes),
        lambda one: (one.first - one.last, -one.nbytes),
        lambda one: ((one.first - one.last - 1) * one.nbytes,),
    )
    for key in keys:
        yield sorted(range(len(buffers)), key=lambda index: key(buffers[index]))


def _move_one_earlier(plan: ArenaPlan, order: list[int], chance: random.Random) -> list[int]:
    """The order with one of the buffers that end at the head's top placed at some earlier time."""
    top = [index for index in order if plan.placed[index].end == plan.head_bytes]
    chosen = chance.choice(top)
    changed = [index for index in order if index != chosen]
    changed.insert(chance.randrange(order.index(chosen) + 1), chosen)
    first, second = (chance.randrange(len(order)) for _ in range(2))
    changed[first], changed[second] = changed[second], changed[first]
    return changed
