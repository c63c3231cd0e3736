"""Commands that make: `import`, `deploy`, `plan`, `design`, `board new`, `notebooks`."""

import sys
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.draft import ASKED, draft_board, read_answer, tell_board, unit_of
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import list_gained
from tinykit.budget.power.timeline import attempt
from tinykit.ground.errors import EngineError, ParameterError
from tinykit.ground.writing import add_files, write_atomically
from tinykit.handover.codegen.export import export_c
from tinykit.handover.deployment.targets import TARGETS, deploy as write_deployment, find_exporter
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import arena_for_any_core, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.runtime.proving import prove_same
from tinykit.predict.runtime.reference import find_reference, require_tflm
from tinykit.predict.runtime.refusal import require_sound
from tinykit.predict.striping.search import stripe
from tinykit.show.cli.models import Options, open_model, read_samples
from tinykit.show.cli.text import say
from tinykit.show.course import list_course
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import Target


def deploy(options: Options) -> int:
    """`tinykit deploy`."""
    exporter = find_exporter(options.target)
    graph = open_model(options.model, options.representative)
    own: dict[str, Any] = {flag: getattr(options, flag) for one in TARGETS.values() for flag in one.flags}
    if options.board and not {"arena", "board"} & {*exporter.options}:
        raise ParameterError(f"target {options.target!r} plans its arena itself; leave --board out")
    if "board" in exporter.options and options.board:
        own["board"] = Target(options.board, runtime="x-cube-ai")
    if "labels" in exporter.options and options.representative:
        own["samples"] = next(iter(read_samples(options.representative).values()))
    if "arena" in exporter.options:
        place = Target(options.board) if options.board else None
        own["arena"] = predict_arena(graph, target=place).to_deploy if place else arena_for_any_core(graph)
    done = write_deployment(graph, options.out, target=options.target, **own)
    note = find_reference(done.golden_engine).note
    say(str(done), *(f"  {name}" for name in done.files), *([f"- {note}"] if note else []))
    return 0


def import_model(options: Options) -> int:
    """`tinykit import`."""
    graph = open_model(options.model, options.representative)
    write_atomically(Path(options.out), graph.data)
    say(f"{options.out}: {graph}".replace(f": {graph.path}:", ":"))
    return 0


def plan(options: Options) -> int:
    """`tinykit plan`."""
    graph = open_model(options.model, options.representative)
    require_sound(graph)
    runtime = options.runtime or default_runtime(options.core)
    if options.stripes:
        return _plan_stripes(options, graph, runtime)
    today = predict_arena(graph, runtime=runtime, core=options.core)
    planned = plan_offline(graph, runtime=runtime, core=options.core)
    if planned.head_bytes >= today.head_bytes:
        say(f"no offline plan found that is smaller than TFLM's own ({today.head_bytes:,} bytes); nothing written")
        return 0
    require_tflm("an offline plan, which LiteRT does not read,")
    rewritten = with_offline_plan(graph, planned)
    proof = prove_same(graph.data, rewritten)
    if not proof.equal:
        raise EngineError(f"the offline plan is not used: {proof}; please report this model")
    write_atomically(Path(options.out), rewritten)
    say(f"{options.out}: {proof}", f"planned for {runtime} on {options.core}; plan again for another core")
    return 0


def _plan_stripes(options: Options, graph: ModelGraph, runtime: str) -> int:
    made = stripe(
        graph, runtime=runtime, core=options.core, most_latency=options.most_latency, planned=not options.unplanned
    )
    if made.reason:
        say(f"{made}; nothing written")
        return 0
    write_atomically(Path(options.out), made.graph.data)
    own, _ = attempt(lambda: export_c(made.graph).arena_bytes)
    beside = f"; `deploy --target c` has none and takes {own:,} in all" if own else ""
    planned = (f"planned for {runtime} on {options.core}; plan again for another core",
               f"for TFLM: a runtime that heeds no offline plan takes {made.unplanned_bytes:,} bytes")  # fmt: skip
    copied = ("without an offline plan, for interpreters that heed none: what is cut and joined is copied",)
    say(
        f"{options.out}: {made}", str(made.proof), *(copied if options.unplanned else planned),
        *(["it takes and gives integers: quantise outside, by the scales of its ends"] if made.ends else []),
        f"the next floor is TFLM's own tail, {made.arena.tail_bytes:,} bytes of it{beside}",
        *(f"or {one.arena.value:,.0f} bytes for {one.latency:.1%} more: --most-latency {one.latency + 5e-5:.4f}"
          for one in made.front[1:]),
        f"boards that hold it now and did not before: {', '.join(list_gained(made.before, made.graph)) or 'none'}",
    )  # fmt: skip
    return 0


def design(options: Options) -> int:
    """`tinykit design`."""
    # These pull in the training floor and the plots.
    from tinykit.choose.design.outcome import DesignGoal
    from tinykit.choose.design.own import own_recipe
    from tinykit.choose.design.run import run_design
    from tinykit.show.cli.exploring import take_trial
    from tinykit.show.cli.own import read_own
    from tinykit.show.report.render import write_report

    use = Use(
        period_s=options.period, battery=options.battery, sensor=options.sensor,
        run_current_a=options.run_current, sleep_current_a=options.sleep_current,
    )  # fmt: skip
    picked = (options.model or "").startswith("study:") and not options.data
    data, network = take_trial(options) if picked else (read_own(options), options.model or "")
    goal = DesignGoal(options.task or "watch-exercises", Target(options.board), use, data=data, network=network)
    recipe = own_recipe(data, options.epochs, options.patience) if data else None
    outcome = run_design(goal, Path(options.out), progress=say, recipe=recipe, stopped=options.stopped)
    say("writing the report")
    write_report(outcome)
    say(*outcome.summary())
    return 0


def make_board(options: Options) -> int:
    """`tinykit board new`: what no option gives is asked for, where somebody sits at a terminal."""
    given = {name: getattr(options, name) for name in ASKED}
    for name in [name for name in ASKED if given[name] is None and sys.stdin.isatty()]:
        given[name] = _ask(name)
    board = draft_board(options.out, **given)
    say(f"{options.out}: {board.mcu}, {board.core}", *(f"- {line}" for line in tell_board(board)))
    return 0


def _ask(name: str) -> Any:
    """What is typed for a fact, None for nothing; asked again where it is no number."""
    while True:
        try:
            return read_answer(name, input(f"{ASKED[name]} [{unit_of(name) or 'text'}], empty if unknown: "))
        except ParameterError as error:
            say(str(error))
        except EOFError:
            return None


def copy_notebooks(options: Options) -> int:
    """`tinykit notebooks`."""
    add_files(target := Path(options.folder), notebooks := list_course(teacher=options.teacher))
    say(*(str(target / name) for name in notebooks))
    return 0
