"""The ledger as one picture: each way to store each variant, the one that reaches flash in colour, and its accuracy."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinykit.choose.ledger import FORMS, Form, Ledger, LedgerRow
from tinykit.show.plots.style import COLOURS, new_axes, note, plain, say_unknown, styled

_KIB = 1024
_HEIGHT = 0.15
_GZIP = FORMS[-1]


@styled
def plot_ledger(ledger: Ledger, *, ax: Axes | None = None) -> Axes:
    """Bytes of every form of every variant; a dashed line at the baseline's file as converted.

    Parameters
    ----------
    ledger : of `open_ledger`.
    ax : None for a new figure.
    """
    ax = new_axes(ax, 7.4, 1.5 + 0.95 * len(ledger.rows))
    if not ledger.rows:
        return say_unknown(ax, "no variant given")
    for position, row in enumerate(ledger.rows):
        _draw_row(ax, position, row)
    plain_kib = ledger.baseline.plain_bytes / _KIB
    below = len(ledger.rows) - 0.45
    ax.plot([plain_kib, plain_kib], [-0.75, below], color=COLOURS["limit"], linewidth=1, linestyle="--", zorder=0.5)
    ax.set_yticks(range(len(ledger.rows)), [_label(row) for row in ledger.rows], fontsize=8)
    most = max((form.flash_bytes or 0) for row in ledger.rows for form in row.forms.values()) / _KIB
    ax.set(xlim=(0, most * 1.36), ylim=(len(ledger.rows) - 0.05, -0.75))
    ax.set_xlabel(f"model [KiB] on {plain(ledger.target, 48)}")
    ax.text(plain_kib, -0.62, " baseline as converted", fontsize=7.5, va="center")
    ax.set_title("What reaches flash")
    _draw_legend(ax, len(ledger.rows) - 0.25)
    note(ax, "file sizes exact; decoder code compiled")
    return ax


def _draw_row(ax: Axes, position: int, row: LedgerRow) -> None:
    shown = [form for form in row.forms.values() if form.flash_bytes is not None]
    for step, form in enumerate(shown):
        y = position + (step - (len(shown) - 1) / 2) * _HEIGHT * 1.08
        width, code = (form.model_bytes or 0) / _KIB, form.code_bytes / _KIB
        reaches = row.chosen is not None and row.chosen.name == form.name
        colour = COLOURS["flash"] if reaches else COLOURS["transport" if form.name == _GZIP else "reserved"]
        alpha = 1.0 if reaches or form.name == _GZIP else 0.45
        _draw_bar(ax, y, 0.0, width, color=colour, alpha=alpha)
        if code:
            _draw_bar(ax, y, width, code, facecolor="white", edgecolor=colour, hatch="////", linewidth=0.8)
        weight = "bold" if reaches else "normal"
        text = ax.text(width + code, y, f" {_tell(form)}", va="center", fontsize=6.8, fontweight=weight)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.4})


def _draw_bar(ax: Axes, y: float, start: float, width: float, **style: Any) -> None:
    """What `barh` draws, without its search for limits, which are set: a third of the time."""
    ax.add_artist(Rectangle((start, y - _HEIGHT / 2), width, _HEIGHT, **style))


def _tell(form: Form) -> str:
    name = f"{form.name}, transport only" if form.name == _GZIP else form.name
    return f"{form.flash_bytes:,} B  {name}"


def _label(row: LedgerRow) -> str:
    accuracy = row.variant.accuracy
    told = f"{100 * accuracy.fraction:.1f} % [{100 * accuracy.low:.1f} … {100 * accuracy.high:.1f}]"
    if row.against is None:
        return f"{plain(row.name, 24)}\n{told}\nbaseline"
    change = f"{100 * row.against.value:+.1f} [{100 * row.against.low:+.1f} … {100 * row.against.high:+.1f}] points"
    return f"{plain(row.name, 24)}\n{told}\n{change}\n{row.verdict}"


def _draw_legend(ax: Axes, y: float) -> None:
    """What the colours mean, on one line below the bars; `ax.legend` takes a tenth of a panel's move to lay out."""
    reserved, free = COLOURS["reserved"], {"facecolor": "white", "edgecolor": COLOURS["flash"], "hatch": "////"}
    entries: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (0.01, "reaches flash here", {"color": COLOURS["flash"]}),
        (0.30, "does not", {"color": reserved, "alpha": 0.45}),
        (0.48, "decoder code", free),
        (0.72, "transport only", {"color": COLOURS["transport"]}),
    )
    across = ax.get_yaxis_transform()
    for left, name, style in entries:
        ax.add_artist(Rectangle((left, y - _HEIGHT / 2), 0.03, _HEIGHT, transform=across, **style))
        ax.text(left + 0.04, y, name, fontsize=7.5, va="center", transform=across)
