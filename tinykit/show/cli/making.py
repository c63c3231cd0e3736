"""Commands that make: `deploy`, `plan`, `design`, `notebooks`."""

import shutil
from pathlib import Path

from tinykit.budget.assessment.use import Use
from tinykit.ground.errors import EngineError, OutputError
from tinykit.ground.facts import shipped_path
from tinykit.handover.deployment.targets import deploy as write_deployment, find_exporter
from tinykit.model.record import write_atomically
from tinykit.predict.arena.predict import arena_for_any_core, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.runtime.proving import prove_same
from tinykit.predict.runtime.reference import find_reference, require_tflm
from tinykit.predict.runtime.refusal import require_sound
from tinykit.predict.striping.search import stripe
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import Target


def deploy(options: Options) -> int:
    """`tinykit deploy`."""
    exporter = find_exporter(options.target)
    graph = open_model(options.model, options.representative)
    arena = arena_for_any_core(graph) if "arena" in exporter.options else None
    done = write_deployment(graph, options.out, target=options.target, arena=arena, kernels=options.kernels)
    note = find_reference(done.golden_engine).note
    say(str(done), *(f"  {name}" for name in done.files), *([f"- {note}"] if note else []))
    return 0


def plan_stripes(options: Options) -> int:
    """`tinykit plan`, which hands on what is asked for without stripes."""
    if not options.stripes:
        return plan(options)
    graph = open_model(options.model, options.representative)
    require_sound(graph)
    runtime = options.runtime or default_runtime(options.core)
    made = stripe(graph, runtime=runtime, core=options.core, most_latency=options.most_latency)
    if made.reason:
        say(f"{made}; nothing written")
        return 0
    write_atomically(Path(options.out), made.graph.data)
    say(
        f"{options.out}: {made}",
        str(made.proof),
        f"planned for {runtime} on {options.core}; plan again for another core",
    )
    say(f"for TFLM: a runtime that heeds no offline plan takes {made.unplanned_bytes:,} bytes")
    return 0


def plan(options: Options) -> int:
    """`tinykit plan` without stripes."""
    graph = open_model(options.model, options.representative)
    require_sound(graph)
    runtime = options.runtime or default_runtime(options.core)
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


def design(options: Options) -> int:
    """`tinykit design`."""
    # These pull in the training floor and the plots.
    from tinykit.choose.design.outcome import DesignGoal
    from tinykit.choose.design.run import run_design
    from tinykit.show.report.render import write_report

    use = Use(period_s=options.period, battery=options.battery)
    goal = DesignGoal(options.task, Target(options.board), use)
    outcome = run_design(goal, Path(options.out), progress=say)
    say("writing the report")
    write_report(outcome)
    say(*outcome.summary())
    return 0


def copy_notebooks(options: Options) -> int:
    """`tinykit notebooks`."""
    target = Path(options.folder)
    notebooks = sorted(shipped_path("notebooks").glob("*.ipynb"))
    try:
        target.mkdir(parents=True, exist_ok=True)
        for notebook in notebooks:
            if (target / notebook.name).exists():
                raise OutputError(f"{target / notebook.name}: exists already; choose an empty folder")
        for notebook in notebooks:
            shutil.copyfile(notebook, target / notebook.name)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{target}: cannot be written ({error.strerror}); choose another folder") from error
    say(*(str(target / notebook.name) for notebook in notebooks))
    return 0
