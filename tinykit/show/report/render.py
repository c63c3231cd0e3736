"""A finished design as a self-contained HTML page: figures with interval and origin, plots inline, sources listed."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from tinykit.choose.design.outcome import DesignOutcome
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.writing import write_atomically
from tinykit.show import plots


def write_report(outcome: DesignOutcome) -> Path:
    """Write a design's report into its folder; returns the path.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    page = outcome.folder / "report.html"
    write_atomically(page, render_report(outcome).encode())
    return page


def render_report(outcome: DesignOutcome) -> str:
    """The report as HTML text.

    Every text that stems from a file or a user is escaped; plots are embedded as PNG.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinykit.show.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "estimate": lambda one: str(one or "unknown"),
        "value": lambda one: format_quantity(one.value, one.unit),
        "interval": lambda one: " … ".join(format_quantity(end, one.unit) for end in (one.low, one.high)),
        "bytes": lambda value: format_quantity(value, "byte"),
        "time": lambda value: format_quantity(value, "s"),
    }
    template = environment.get_template("report.html")
    return template.render(
        outcome=outcome, pictures=_draw_all(outcome), estimates=_list_estimates(outcome), sources=_list_sources(outcome)
    )


def _list_estimates(outcome: DesignOutcome) -> tuple[tuple[str, Estimate | None], ...]:
    """The figures of the verdict, with the words a reader looks for."""
    fit, budget, heat, bare = outcome.fit, outcome.budget, outcome.heat, outcome.assessment.without_sensor()
    return (
        ("Tensor arena", fit.arena_bytes),
        ("Flash: model, runtime, kernels", fit.flash_bytes),
        ("Inference latency", fit.latency_s),
        ("Energy per inference, gross", fit.energy_per_inference_j),
        ("Duty cycle", budget.duty_cycle),
        ("Average power", budget.average_power_w),
        ("Energy per day", budget.energy_per_day_j),
        ("Battery life", budget.battery_life_s),
        *((("Battery life without the sensor", bare.battery_life_s),) if bare else ()),
        ("Junction temperature", heat.t_junction_c),
        ("Ambient at which the junction reaches its limit", heat.t_ambient_max_c),
    )


def _list_sources(outcome: DesignOutcome) -> tuple[str, ...]:
    """Every distinct source behind the figures shown; what no document was read for is not one."""
    stated = [text for _, estimate in _list_estimates(outcome) if estimate for text in estimate.sources]
    cell = outcome.budget.pack.cell.sources() if outcome.budget.pack else ()
    every = dict.fromkeys((*stated, *outcome.fit.board.sources(), *cell))
    return tuple(text for text in every if text and "no document read" not in text)


def _draw_all(outcome: DesignOutcome) -> dict[str, str]:
    """The plots of the report as data URIs."""
    wanted: dict[str, Callable[[], Any]] = {
        "accuracy": lambda: plots.plot_accuracy({v.name: v.accuracy for v in outcome.variants}),
        "sizes": lambda: plots.plot_sizes([v.sizes for v in outcome.variants]),
        "regions": lambda: plots.plot_fit(outcome.fit),
        "banks": lambda: plots.plot_banks(outcome.fit),
        "boards": lambda: plots.plot_fit_all(outcome.fits),
        "states": lambda: plots.plot_states(outcome.budget),
        "heat": lambda: plots.plot_heat(outcome.heat),
    }
    pictures = {name: base64.b64encode(plots.to_png(draw().figure)).decode() for name, draw in wanted.items()}
    return {name: f"data:image/png;base64,{picture}" for name, picture in pictures.items()}
