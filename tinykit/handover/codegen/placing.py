"""Where an export's tensors lie: by the model's own offline plan, else by the kit's; an input that comes row by row.

Where the plan lays a SLICE into its source, or the parts of a CONCATENATION where it wants them, nothing is copied. Of
an input that comes row by row a window lies in the arena: each SLICE moves the rows it has in common with the last one
to its start, and asks for those that are new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.handover.codegen.program import Lowered, Program, kind_of
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.predict.arena.blocks import CUT, JOINED, Views, find_run, find_views, keeps_apart, search_offsets
from tinykit.predict.arena.plan import ArenaPlan, list_buffers, plan_greedily

_LARGEST_ARENA_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of places before scratch is: tensors that lie in others, operators that have nothing to copy.

    `windows`: by SLICE of an input that comes row by row, its first byte there and the one behind its last.
    """

    graph: ModelGraph
    views: Views
    in_place: tuple[int, ...]
    windows: Mapping[int, tuple[int, int]]
    row_bytes: int = 0

    def plan(self, lowered: Sequence[Lowered], family: int) -> ArenaPlan:
        """The arena of a family of cores; ModelError where it is larger than any board's."""
        graph, scratch = self.graph, tuple((code.scratch[family],) for code in lowered)
        heeded = graph.offline_offsets if self.views or keeps_apart(graph) else ()
        if self.row_bytes:
            heeded = search_offsets(graph, scratch, self.views)
        buffers = [one for one in list_buffers(replace(graph, subgraphs=1), scratch) if one.first >= 0]
        plan = plan_greedily(buffers, len(graph.operators) + 1, heeded)
        if plan.head_bytes > _LARGEST_ARENA_BYTES:
            raise ModelError(f"the model needs an arena of {plan.head_bytes:,} bytes; no microcontroller has that")
        return plan

    def lower_rows(self, program: Program) -> dict[int, Lowered]:
        """The C of each SLICE of an input that comes row by row, by its index."""
        found, (first, end), row = {}, (0, 0), self.row_bytes
        for index, window in self.windows.items():
            place, kept = program.start(self.graph.operators[index].outputs[0]), max(0, end - window[0])
            lines = [f"{program.name}_copy({place} + {window[0] - first}, {place}, {kept});"] if kept else []
            rows = f"{(window[0] + kept) // row}, {(window[1] - window[0] - kept) // row}, {place} + {kept}"
            lines.append(f"return tk_source == NULL || tk_source(tk_context, {rows}) != 0;")
            found[index] = Lowered("\n".join(f"    {line}" for line in lines), kernels=("shapes",))
            first, end = window
        return found


def lay_out(graph: ModelGraph, *, rows: bool) -> Layout:
    """The layout of a graph; ParameterError for `rows` where it does not read its input in stripes."""
    views = find_views(graph)
    if rows:
        return _lay_out_rows(graph, views)
    return Layout(graph, views, tuple(one.index for one in graph.operators if is_in_place(one, views)), {})


def is_in_place(operator: Operator, views: Views) -> bool:
    """Whether an operator finds what it makes where it wants it: a SLICE in its source, or all that it joins."""
    ends = {CUT: (operator.outputs, operator.inputs), JOINED: (operator.inputs, operator.outputs)}
    parts, whole = ends.get(kind_of(operator), ((), ()))
    return bool(parts) and all((views.get(one, (-1, 0))[0],) == whole[:1] for one in parts)


def _lay_out_rows(graph: ModelGraph, views: Views) -> Layout:
    """The input left out, and its SLICEs laid one onto the other: each reads the last one before it is written."""
    source = graph.tensors[graph.inputs[0]]
    row = source.nbytes // next((size for size in source.shape if size > 1), 1)
    readers = [one for one in graph.operators if source.index in one.inputs]
    runs = {one.index: run for one in readers if kind_of(one) == CUT and (run := find_run(graph, one))}
    rising = sorted(runs.values()) == sorted(runs.values(), key=max) == list(runs.values())
    ordered = rising and not any(end % row for run in runs.values() for end in run)
    if len(graph.inputs) != 1 or not ordered or not len(readers) == len(runs) > 1:
        told = next((f", operator {one.index} ({one.name})" for one in readers if one.index not in runs), "")
        raise ParameterError(
            f"rows=True, but the input is not read in stripes{told}; cut the first operators into stripes "
            "(`tinykit plan MODEL --stripes`), or leave rows out"
        )
    made = [graph.operators[index].outputs[0] for index in runs]
    widest = max(made, key=lambda one: graph.tensors[one].nbytes)
    views = {one: whole for one, whole in views.items() if one not in made} | dict.fromkeys(made, (widest, 0))
    del views[widest]
    after = dict(zip(list(runs)[1:], made, strict=False))
    operators = tuple(
        replace(one, name="ROWS", inputs=(after[one.index],) if one.index in after else ())
        if one.index in runs
        else one
        for one in graph.operators
    )
    in_place = tuple(one.index for one in operators if is_in_place(one, views))
    return Layout(replace(graph, inputs=(), operators=operators), views, in_place, runs, row)
