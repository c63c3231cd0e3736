"""One row of the ledger: a variant on a target, with every figure that counts and the form whose bytes reach flash."""

from dataclasses import dataclass, field, replace

from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.verdict import FitReport
from tinykit.choose.ledger.forms import DECODE, LEAN, STRIPED, Form, list_forms, list_runnable
from tinykit.choose.ledger.variants import Variant
from tinykit.ground.errors import ModelError, TinykitError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.kernels import WeightCount, count_weights
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.target.target import Target
from tinykit.train.datasets.scoring import Difference


@dataclass(frozen=True, slots=True)
class LedgerRow(Result):
    """A variant on a target.

    Parameters
    ----------
    variant : model, accuracy, predictions.
    weights : counted in its file.
    forms : every way to store it, by name.
    chosen : the smallest the target can run, None where that is unknown.
    fit : of the target, for the model in the chosen form; as converted where that is unknown.
    instructions : of one inference, without decoding; None where unknown.
    against : accuracy less that of the ledger's baseline on the same samples; None for the baseline itself.
    plain_bytes, best_bytes : of the baseline: its file as converted, and its model bytes in flash at their smallest.
    """

    LINE = ("name", "fit.board", "arena", "flash", "latency", "energy")
    JSON = (
        *("name", "variant.note", "variant.graph.sha256", "weights.parameters", "weights.non_zero", "weights.distinct"),
        *("variant.graph.macs", "forms", "in_flash=chosen.name", "model_bytes_in_flash=flash_bytes", "saved"),
        *("saved_of_plain", "arena_bytes=arena", "flash_bytes=flash", "latency_s=latency"),
        *("energy_per_inference_j=energy", "instructions", "variant.accuracy", "against_baseline"),
    )

    variant: Variant
    weights: WeightCount
    forms: dict[str, Form] = field(repr=False)
    chosen: Form | None
    fit: FitReport = field(repr=False)
    instructions: Estimate | None
    against: Difference | None
    plain_bytes: int
    best_bytes: int | None

    @property
    def name(self) -> str:
        """Name of the variant that the row weighs."""
        return self.variant.name

    @property
    def arena(self) -> Estimate | None:
        """Tensor arena [byte]: DECODE puts each decoded tensor beside its layer's activations; None where unknown."""
        return self.fit.arena_bytes

    @property
    def flash(self) -> Estimate | None:
        """Model as stored, decoder, runtime and kernels [byte]; None where unknown."""
        return self.fit.flash_bytes if self.chosen else None

    @property
    def latency(self) -> Estimate | None:
        """Of one inference, decoding counted in [s]; None where unknown."""
        return self.fit.latency_s

    @property
    def energy(self) -> Estimate | None:
        """Of one inference [J]; None where unknown."""
        return self.fit.energy_per_inference_j

    @property
    def flash_bytes(self) -> int | None:
        """Bytes of the model in flash, decoder counted in; None where unknown."""
        return self.chosen.flash_bytes if self.chosen else None

    @property
    def saved_of_plain(self) -> float | None:
        """Share of the baseline's file as converted that is saved in flash, below 0 where it grew; None if unknown."""
        return None if self.flash_bytes is None else 1 - self.flash_bytes / self.plain_bytes

    @property
    def saved(self) -> float | None:
        """Share saved of the baseline in its own smallest form: what the variant itself brings; None if unknown."""
        return None if self.flash_bytes is None or not self.best_bytes else 1 - self.flash_bytes / self.best_bytes

    @property
    def against_baseline(self) -> dict[str, float] | None:
        """The difference of accuracy and its 95 % interval alone."""
        return {end: getattr(self.against, end) for end in ("value", "low", "high")} if self.against else None

    @property
    def verdict(self) -> str:
        """What the variant does to the model bytes in flash, in a few words."""
        if self.saved is None:
            return "unknown"
        if self.against is None:
            return "baseline"
        return f"saves {self.saved:.1%}" if self.saved > 0 else "saves nothing"


def weigh_row(
    variant: Variant, target: Target, *, baseline: LedgerRow | None = None, against: Difference | None = None
) -> LedgerRow:
    """A variant on a target, against a baseline.

    Parameters
    ----------
    variant : scored.
    target : where it is to run.
    baseline : None where the variant is the baseline itself.
    against : accuracy less the baseline's, on the same samples.
    """
    graph = variant.graph
    forms = list_forms(graph, target)
    chosen = choose_form(forms, target)
    return LedgerRow(
        variant=variant,
        weights=count_weights(graph),
        forms=forms,
        chosen=chosen,
        fit=_check_form(graph, chosen, target),
        instructions=_instructions(graph, chosen, target),
        against=against,
        plain_bytes=baseline.plain_bytes if baseline else graph.flatbuffer_bytes,
        best_bytes=baseline.best_bytes if baseline else chosen.flash_bytes if chosen else None,
    )


def store_as(row: LedgerRow, name: str) -> LedgerRow:
    """The row with another of its forms in flash, and every figure that changes with it."""
    form = row.forms[name]
    graph, target = row.variant.graph, row.fit.target
    return replace(
        row, chosen=form, fit=_check_form(graph, form, target), instructions=_instructions(graph, form, target)
    )


def _check_form(graph: ModelGraph, form: Form | None, target: Target) -> FitReport:
    """The fit check of a model as it is stored; an Ethos-U compiles the model as converted itself."""
    return check_fit(form.packed.graph if form and form.packed else graph, target)


def choose_form(forms: dict[str, Form], target: Target, *, heed_arena: bool = True) -> Form | None:
    """The form with the fewest bytes in flash among those the target can run; None where there is none.

    `heed_arena`: a form whose decoded weights need more arena than the board has comes last, and stripes are taken
    where the board has room for no other.
    """
    able = [forms[name] for name in list_runnable(target) if forms[name].flash_bytes is not None]
    striped = [one for one in able if one.name == STRIPED]
    if striped and heed_arena and _is_crowded(forms[LEAN], target) and not _is_crowded(striped[0], target):
        return striped[0]
    order = (
        (form.name == STRIPED, heed_arena and form.name == DECODE and _is_crowded(form, target), form.flash_bytes or 0)
        for form in able
    )
    return min(zip(order, able, strict=True), key=lambda one: one[0])[1] if able else None


def _is_crowded(form: Form, target: Target) -> bool:
    """Whether a form takes the arena beyond the board's largest memory, the reserve left free."""
    limit = target.largest_arena_bytes
    if limit is None or form.packed is None:
        return False
    try:
        return predict_arena(form.packed.graph, target=target).value > limit
    except TinykitError:
        return False


def _instructions(graph: ModelGraph, form: Form | None, target: Target) -> Estimate | None:
    """Of one inference, without decoding; None where no counts are known for core and runtime."""
    graph = form.packed.graph if form and form.packed and form.name == STRIPED else graph
    try:
        return predict_instructions(graph, target=target).total
    except (UnknownRuntimeError, ModelError):
        return None
