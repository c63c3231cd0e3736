"""What TFLM's DECODE costs on a device, and which runtimes have it."""

from dataclasses import dataclass
from functools import partial

from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Tensor
from tinykit.model.operators.table import DECODE
from tinykit.predict.flash import decoder_code
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import from_graph
from tinykit.predict.packing.coding import LOOKUP, PRUNING, UNVERIFIED, is_last_axis
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import default_runtime, list_runtimes
from tinykit.target.target import Target, fill_in

DECODE_RUNTIMES = tuple(runtime.name for runtime in list_runtimes() if runtime.runs_decode)
_REFUSALS = {"exporter": "the C exporter writes weights as plain arrays"} | {
    runtime.name: runtime.no_decode for runtime in list_runtimes()
}
_QUICK_BITS = (2, 3, 4)
_DECODING = read_toml(shipped_path("data", "firmware", "decoding.toml"))


@dataclass(frozen=True, slots=True)
class DecodeCost(Result):
    """What the DECODE operators of a model cost on a device.

    Parameters
    ----------
    code : flash of the decoder as an `Estimate` [byte].
    weights : weights decoded at each inference.
    largest_bytes : the largest decoded tensor, which lies in the arena beside its layer's activations [byte].
    cycles : of decoding at each inference on a Cortex-M, as an `Estimate` ["1"]; None with a coding of another kind.
    device : what is known of outputs on a device.
    """

    JSON = ("code_bytes=code", "weights", "largest_bytes", "cycles", "runtimes", "device")
    runtimes = DECODE_RUNTIMES

    code: Estimate
    weights: int
    largest_bytes: int
    cycles: Estimate | None
    device: str = UNVERIFIED

    def latency(self, clock_hz: float, core: str = "cortex-m4") -> Estimate | None:
        """Time to decode all weights once at a clock [Hz], as an `Estimate` [s]; None off Cortex-M: unknown."""
        if self.cycles is None or not core.startswith("cortex-m"):
            return None
        return propagate(lambda cycles: cycles / clock_hz, self.cycles, unit="s")


def cost_of_decode(graph: ModelGraph) -> DecodeCost:
    """The cost of the DECODE operators of a model, whoever put them there; one without any costs nothing."""
    pairs = [
        (graph.tensors[tables], graph.tensors[decoded])
        for operator in graph.operators
        if operator.name == DECODE
        for tables, decoded in zip(operator.inputs[1::2], operator.outputs, strict=False)
        if tables >= 0
    ]
    kinds = [_kind_of(graph, tables, decoded) for tables, decoded in pairs]
    sizes = [decoded.elements for _, decoded in pairs]
    return DecodeCost(
        decoder_code() if pairs else Estimate.exact(0, "byte", "compiled", "no DECODE operator"),
        sum(sizes),
        max((decoded.nbytes for _, decoded in pairs), default=0),
        None if "" in kinds else _count_cycles(kinds, sizes),
    )


def refuse_decode(runtime: str) -> str:
    """Why a runtime cannot run DECODE, "" where it can. `runtime` as in `tinykit.budget.fit`, or "exporter".

    >>> refuse_decode("tflm-cmsis-nn"), refuse_decode("x-cube-ai")
    ('', "X-CUBE-AI does not know TFLM's custom operators")
    """
    return _REFUSALS.get(runtime, f"whether {runtime!r} has TFLM's DECODE operator is unknown")


def has_decode(graph: ModelGraph) -> bool:
    """Whether weights of the model are decoded on the device."""
    return any(operator.name == DECODE for operator in graph.operators)


@keywords
def predict_packed_latency(
    graph: ModelGraph, *,
    target: Target | None = None, core: str | None = None, clock_hz: float | None = None, runtime: str | None = None,
    runtime_version: str | None = None, runtime_option: str | None = None, board: str | Board | None = None,
    build: str | None = None, arena_region: str | None = None, code_region: str | None = None
) -> Estimate:  # fmt: skip
    """Latency [s] of a model that may decode its weights: that of its other operators, and of decoding.

    Parameters
    ----------
    graph : the model.
    target, core, clock_hz, runtime, runtime_version, runtime_option, board, build, arena_region, code_region : as for
        `tinykit.predict.latency.predict_latency`.

    Raises
    ------
    UnknownRuntimeError : the runtime has no DECODE, its time on this core is unknown, or as `predict_latency`.
    """
    predict = partial(
        predict_latency, target=target, core=core, clock_hz=clock_hz, runtime=runtime, runtime_version=runtime_version,
        runtime_option=runtime_option, board=board, build=build, arena_region=arena_region, code_region=code_region,
    )  # fmt: skip
    if not has_decode(graph):
        return predict(graph)
    core, clock_hz, runtime = fill_in(target, core=core, clock_hz=clock_hz, runtime=runtime)
    if not core or not clock_hz:
        raise ParameterError("decoding on what core at what clock? give core and clock_hz, or a target with a clock")
    runtime = runtime or default_runtime(core)
    if refusal := refuse_decode(runtime):
        raise UnknownRuntimeError(f"{runtime} cannot run this model: {refusal}\nuse the model without DECODE operators")
    extra = cost_of_decode(graph).latency(clock_hz, core)
    if extra is None:
        raise UnknownRuntimeError(
            f"how long DECODE takes on {core} is unknown\nmeasure it on the board and give the figure (--latency)"
        )
    plain = predict(tuple(shape for shape in from_graph(graph) if shape.name != DECODE))
    total = propagate(lambda one, other: one + other, plain, extra, unit="s")
    return relabel(total, runtime=runtime, sources=(*plain.sources, f"decoding {extra}", *extra.sources))


def _kind_of(graph: ModelGraph, tables: Tensor, decoded: Tensor) -> str:
    """Which loop decodes a tensor, "" where its kind is none of the two."""
    header = graph.data[tables.data_start : tables.data_start + tables.data_bytes][:16]
    if len(header) < 16 or header[0] not in (LOOKUP, PRUNING):
        return ""
    if header[0] == PRUNING:
        return "pruning"
    quick = header[5] & 7 in _QUICK_BITS and not is_last_axis(decoded) and decoded.dtype == "int8"
    return "quick" if quick else "table"


def _count_cycles(kinds: list[str], sizes: list[int]) -> Estimate:
    pairs = list(zip(kinds, sizes, strict=True))
    low, value, high = (sum(_DECODING["cycles"][kind][end] * size for kind, size in pairs) for end in range(3))
    return Estimate(value, low, high, "1", "modelled", sources=_DECODING["source"])
