"""Variants of a model: TFLM's answers against LiteRT's, sizes, and the ledger as one picture."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinykit.choose.ledger.forms import FORMS, Form
from tinykit.choose.ledger.ledger_row import LedgerRow
from tinykit.choose.ledger.table import Ledger
from tinykit.choose.ledger.variants import ModelSizes
from tinykit.ground.quantity import format_quantity
from tinykit.predict.runtime.agreement import CodeComparison
from tinykit.show.plots.marks import ends, scale_log
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, note, plain, say_unknown, styled

_KIB = 1024
_HEIGHT = 0.15
_GZIP = FORMS[-1]
_CODE: Any = {"facecolor": "white", "edgecolor": COLOURS["note"], "hatch": "////", "linewidth": 0.8}


@styled
def plot_lsb(comparison: CodeComparison, *, ax: Axes | None = None) -> Axes:
    """How many steps TFLM's outputs lie from the reference's in one of a `Verification`, counted on a log axis."""
    ax = new_axes(ax, 6.2, 2.8)
    steps = sorted(comparison.histogram)
    if not steps:
        return say_unknown(ax, "nothing compared")
    counts, total = [comparison.histogram[step] for step in steps], sum(comparison.histogram.values())
    colours = [COLOURS["fits"] if step == 0 else COLOURS["does_not_fit"] for step in steps]
    ax.bar(steps, counts, width=0.8, color=colours)
    if len(steps) <= 16:
        for step, count in zip(steps, counts, strict=True):
            ax.text(step, count * 1.15, f"{count / total:.2%}", ha="center", va="bottom", fontsize=7.5)
    scale_log(ax.yaxis, 0.5, max(counts) * 6)
    reach = max(3, *(abs(step) for step in steps))
    ax.set_xlim(-reach - 0.7, reach + 0.7)
    ax.set(xlabel="TFLM less reference [output steps, LSB]", ylabel="outputs [1], log")
    title = f"TFLM against {plain(comparison.reference)}"
    return caption(ax, title, f"{comparison.fraction_equal:.2%} equal, measured on {total:,} outputs")


@styled
def plot_sizes(variants: Sequence[ModelSizes], *, ax: Axes | None = None) -> Axes:
    """Flatbuffer, flash with the runtime, and compressed transport of each variant (`measure_sizes`), in order."""
    ax = new_axes(ax, 6.8, 1.3 + 0.62 * max(1, len(variants)))
    if not variants:
        return say_unknown(ax, "no variant given")
    for row, sizes in enumerate(variants):
        _draw_sizes(ax, row, sizes)
    most = max(max(s.flatbuffer_bytes, s.flash_bytes.high if s.flash_bytes else 0) for s in variants) / _KIB
    ax.set_yticks(range(len(variants)), [plain(sizes.name, 24) for sizes in variants])
    ax.set(xlim=(0, most * 1.32), ylim=(len(variants) - 0.45, -0.55), xlabel="size [KiB]")
    return caption(ax, "What a variant takes", name_basis(*(sizes.flash_bytes for sizes in variants)))


def _draw_sizes(ax: Axes, row: int, sizes: ModelSizes) -> None:
    flash = sizes.flash_bytes
    rows = [(-0.26, sizes.flatbuffer_bytes, COLOURS["flash"], "flatbuffer")]
    if flash is not None:
        rows.insert(0, (0.0, int(flash.value), "#66AAD1", "flash with runtime"))
    rows.append((0.26, sizes.gzip_bytes, COLOURS["transport"], "gzip: transport only"))
    for shift, nbytes, colour, name in rows:
        ax.barh(row + shift, nbytes / _KIB, color=colour, height=0.24)
        reach = flash.high if flash is not None and shift == 0.0 else nbytes
        text = f" {format_quantity(nbytes, 'byte')}  {name}"
        ax.text(reach / _KIB, row + shift, text, va="center", fontsize=7.5)
    if flash is not None:
        ax.errorbar(flash.value / _KIB, row, xerr=ends(flash, 1 / _KIB), color="#222222", capsize=2.5, elinewidth=1.1)


@styled
def plot_ledger(ledger: Ledger, *, ax: Axes | None = None) -> Axes:
    """Bytes of every form of every variant of a ledger; a dashed line at the baseline's file as converted."""
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
            _draw_bar(ax, y, width, code, **_CODE)
        weight = "bold" if reaches else "normal"
        text = ax.text(width + code, y, f" {_tell(form)}", va="center", fontsize=6.8, fontweight=weight)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.4})


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
    entries: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (0.01, "reaches flash here", {"color": COLOURS["flash"]}),
        (0.30, "does not", {"color": COLOURS["reserved"], "alpha": 0.45}),
        (0.48, "decoder code", _CODE),
        (0.72, "transport only", {"color": COLOURS["transport"]}),
    )
    across = ax.get_yaxis_transform()
    for left, name, style in entries:
        ax.add_artist(Rectangle((left, y - _HEIGHT / 2), 0.03, _HEIGHT, transform=across, **style))
        ax.text(left + 0.04, y, name, fontsize=7.5, va="center", transform=across)
