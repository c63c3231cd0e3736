"""Commands that weigh ways to store a model: `pack`, the finished one smaller and proven, and `ledger`."""

from pathlib import Path
from typing import Any

from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.ledger.choosing import recommend
from tinykit.choose.ledger.table import Ledger, open_ledger
from tinykit.choose.ledger.variants import weigh_variant
from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.packing.cost import refuse_decode
from tinykit.predict.packing.decoding import PackChoice, pack as choose
from tinykit.predict.packing.gridding import grid_weights
from tinykit.predict.packing.leaning import Packed
from tinykit.predict.runtime.reference import find_reference
from tinykit.predict.runtime.refusal import require_sound
from tinykit.predict.runtime.samples import read_inputs
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say, say_json, say_table, show
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import Target, as_target
from tinykit.train.datasets.arrays import read_arrays

_DEFAULT_CORE = "cortex-m4"


def ledger(options: Options) -> int:
    """`tinykit ledger`: 1 where budgets are given and no variant meets them."""
    found = _open(options)
    budgets = Budgets(options.flash, options.arena, options.latency, options.accuracy)
    asked = any(value is not None for value in budgets.to_json().values())
    advice = recommend(found, budgets) if asked else None
    if options.json:
        say_json({**found.to_json(), "recommendation": advice.to_json() if advice else None})
    else:
        say(str(found), *(["", str(advice)] if advice else []))
    return 1 if advice is not None and advice.chosen is None else 0


def _open(options: Options) -> Ledger:
    """A shipped study by its name, or models of one's own with samples of one's own."""
    if options.test is None:
        from tinykit.choose.design.studies import find_study

        if len(options.models) > 1 or Path(options.models[0]).suffix:
            raise ParameterError("accuracy needs samples: give --test NPZ with x, y and groups, or the name of a study")
        return find_study(options.models[0]).ledger(options.board, runtime=options.runtime)
    from tinykit.train.datasets.own import read_samples

    test = read_samples(options.test)
    target = as_target(options.board, runtime=options.runtime)
    names = [Path(path).stem for path in options.models]
    variants = [
        weigh_variant(open_model(path), test, target, name=name, note="")
        for path, name in zip(options.models, names, strict=True)
    ]
    return open_ledger(variants, test, target)


def pack(options: Options) -> int:
    """`tinykit pack`."""
    graph = open_model(options.model, options.representative)
    require_sound(graph)
    version = {"runtime_version": options.runtime_version}
    target = as_target(options.board, runtime=options.runtime, **version) if options.board else None
    core, board = (target.core, target.board) if target else (_DEFAULT_CORE, None)
    runtime = target.runtime if target else options.runtime or default_runtime(core)
    grid = _put_on_grid(graph, options.validation) if options.grid else None
    graph = grid.graph if grid else graph
    choice = choose(graph, runtime=runtime, core=core, arena_limit_bytes=_limit(options, target))
    written = choice.saves or grid is not None
    if written:
        choice.chosen.save(Path(options.out))
    if options.json:
        say_json({**_describe(choice, core, board, options), "grid": grid.to_json() if grid else None})
        return 0
    say(*([str(grid)] if grid else []))
    _tell(choice, core, board, options)
    say(f"{options.out}: written" if written else "nothing saved, nothing written")
    return 0


def _put_on_grid(graph: ModelGraph, path: str | None) -> Packed:
    """By samples in an .npz, x or one array an input, and labels y where it has some."""
    if path is None:
        return grid_weights(graph)
    return grid_weights(graph, read_inputs(path, graph), read_arrays(Path(path)).get("y"))


def _limit(options: Options, target: Target | None) -> int | None:
    """Bytes the arena may take: as asked, or the board's largest window less the assumed reserve."""
    if options.arena_limit is not None:
        if options.arena_limit < 0:
            raise ParameterError(f"arena limit {options.arena_limit}; give bytes from 0 up, such as 16384")
        return int(options.arena_limit)
    return target.largest_arena_bytes if target and not refuse_decode(target.runtime) else None


def _tell(choice: PackChoice, core: str, board: Board | None, options: Options) -> None:
    rows = [("as it came", choice.graph, ""), ("lean", choice.plain.graph, "")]
    if choice.coded is not None and choice.coded.cost is not None:
        rows.append(("lean + DECODE", choice.coded.graph, f"{choice.coded.cost.code.value:,.0f}"))
    say_table(
        ("variant", "file bytes", "decoder code", f"arena, {choice.runtime} on {core}"),
        [(name, f"{graph.flatbuffer_bytes:,}", code, show(_arena(graph, choice.runtime, core, options)))
         for name, graph, code in rows],
    )  # fmt: skip
    chosen = choice.chosen
    say(f"chosen: {' + '.join(chosen.recipe)}; {choice.reason}")
    if chosen.proof:
        say(f"outputs equal in {chosen.judge} to the byte on {chosen.proof.n} inputs; {chosen.proof.power}")
        say(*[f"- {note}" for note in [find_reference(chosen.proof.engine).note] if note])
    if chosen.cost:
        say(f"decoding at each inference: {show(_decode_time(chosen, core, board))}; {chosen.cost.device}")
    say(*(f"  {one}" for one in chosen.coded))


def _arena(graph: ModelGraph, runtime: str, core: str, options: Options) -> Estimate | None:
    try:
        return predict_arena(graph, runtime=runtime, core=core, runtime_version=options.runtime_version).used
    except UnknownRuntimeError:
        return None


def _decode_time(packed: Packed, core: str, board: Board | None) -> Estimate | None:
    if packed.cost is None or board is None or not board.clock_hz:
        return None
    return packed.cost.latency(board.clock_hz, core)


def _describe(choice: PackChoice, core: str, board: Board | None, options: Options) -> dict[str, Any]:
    arenas = [_arena(graph, choice.runtime, core, options) for graph in (choice.graph, choice.chosen.graph)]
    time = _decode_time(choice.chosen, core, board)
    return {
        "model": {"path": choice.graph.path, "sha256": choice.graph.sha256,
                  "flatbuffer_bytes": choice.graph.flatbuffer_bytes},
        "board": board.id if board else None,
        "core": core,
        "runtime": choice.runtime,
        "lean": choice.plain.to_json(),
        "decode": choice.coded.to_json() if choice.coded else None,
        "chosen": list(choice.chosen.recipe),
        "reason": choice.reason,
        "arena_bytes_before": arenas[0].to_json() if arenas[0] else None,
        "arena_bytes": arenas[1].to_json() if arenas[1] else None,
        "decode_latency_s": time.to_json() if time else None,
        "out": options.out if choice.saves else None,
    }  # fmt: skip
