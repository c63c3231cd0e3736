"""Training in panels: what pruning and a quantisation grid would do, TFLM against LiteRT, and unseen people."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.runtime.agreement import CodeComparison
from tinykit.predict.runtime.verify import Answers, compare_answers
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose
from tinykit.show.plots import KitFigure, lay_axes, plot_confusion, plot_grid, plot_lsb, plot_pruning, plot_storage
from tinykit.train.compress.preview import GridPreview, PruningPreview, preview_grid, preview_pruning
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import EVERYONE, Breakdown, break_down, parts_of


class SparsityPanel(Panel[PruningPreview]):
    """What magnitude pruning would take from one float kernel, and what three ways to store it need.

    Parameters
    ----------
    graph : a float32 model.
    sparsity : share to set to zero, to start from.
    """

    size_in = (7.2, 4.3)
    plots, heights, left_in = (plot_pruning, plot_storage), (1.5, 1.0), 1.6

    def __init__(self, graph: GraphOrFile, *, sparsity: float = 0.75) -> None:
        graph = as_graph(graph)
        self.kernels = {kernel.name: kernel for kernel in list_kernels(graph)}
        largest = max(self.kernels.values(), key=lambda kernel: kernel.values.size)
        controls = {
            "sparsity": Slider("sparsity [1]", sparsity, 0, 0.98, 0.01),
            "kernel": choose("kernel", list(self.kernels), largest.name),
        }
        super().__init__("Pruning", graph.path, controls)

    def compute(self) -> PruningPreview:
        """The preview for the kernel and the sparsity chosen."""
        kernel = self.kernels[self.kernel.value]
        return preview_pruning(kernel.values, self.sparsity.value, axis=kernel.axis)

    def tell(self, result: PruningPreview) -> Iterable[tuple[str, str]]:
        """Zeros, threshold and bytes."""
        yield "to zero", f"{result.zeros:,} of {result.weights.size:,} weights, below {result.threshold:.3f}"
        yield "flatbuffer", f"{result.flatbuffer_bytes:,} bytes: a zero is stored like any other weight"
        yield "gzip", f"{result.gzip_bytes:,} bytes: transport only, a board unpacks nothing"
        yield "bitmask codec", f"{result.bitmask_bytes:,} bytes, without its header and the code that decodes"

    def summarise(self, result: PruningPreview) -> str:
        """Bytes of the three ways."""
        return f"flatbuffer {result.flatbuffer_bytes}, gzip {result.gzip_bytes}, bitmask {result.bitmask_bytes} B"


PER_TENSOR, PER_CHANNEL = "one for the tensor", "one a channel"


class GridPanel(Panel[GridPreview]):
    """What a grid of some bits makes of one kernel or activation.

    Parameters
    ----------
    graph : a float32 model, for its kernels.
    activations : by name, such as {"input": samples}.
    bits : to start from.
    """

    plots = (plot_grid,)
    rests = (("scales", lambda panel: panel.tensor.value in panel.activations, "an activation has one scale"),)

    def __init__(
        self, graph: GraphOrFile, activations: Mapping[str, ArrayLike] | None = None, *, bits: int = 8
    ) -> None:
        graph = as_graph(graph)
        self.kernels = {kernel.name: kernel for kernel in list_kernels(graph)}
        self.activations = dict(activations or {})
        names = [*self.kernels, *self.activations]
        controls = {
            "bits": Slider("bits [1]", bits, 2, 8, 1),
            "scales": choose("scales", [PER_CHANNEL, PER_TENSOR], PER_CHANNEL),
            "tensor": choose("tensor", names, names[0]),
        }
        super().__init__("Quantisation grid", graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """An activation has one scale."""
        if self.tensor.value in self.activations:
            self.scales.value = PER_TENSOR

    def compute(self) -> GridPreview:
        """The preview for the tensor, bits and scales chosen."""
        name, bits = self.tensor.value, int(self.bits.value)
        if name in self.activations:
            return preview_grid(self.activations[name], bits, symmetric=False)
        kernel = self.kernels[name]
        return preview_grid(kernel.values, bits, axis=kernel.axis if self.scales.value == PER_CHANNEL else None)

    def tell(self, result: GridPreview) -> Iterable[tuple[str, str]]:
        """Noise, levels and scales."""
        narrow, wide = min(result.scales), max(result.scales)
        yield "SQNR", f"{result.sqnr_db:.1f} dB: 10 log10 of the power of the values over that of their errors"
        yield "levels", f"{2**result.bits}"
        yield "scales", f"{len(result.scales)}, from {narrow:.3g} to {wide:.3g}"

    def summarise(self, result: GridPreview) -> str:
        """SQNR."""
        return f"SQNR {result.sqnr_db:.1f} dB"


class LsbPanel(Panel[CodeComparison]):
    """How many steps TFLM's outputs lie from LiteRT's.

    Parameters
    ----------
    answers : of `collect_answers`.
    name : of the model.
    """

    plots = (plot_lsb,)

    def __init__(self, answers: Answers, *, name: str = "model") -> None:
        self.answers = answers
        references, most = list(answers.references), answers.n
        controls = {
            "reference": choose("against", references, references[0]),
            "samples": Slider("samples [1]", most, 1, most, 1),
        }
        super().__init__("TFLM against LiteRT", name, controls)

    def compute(self) -> CodeComparison:
        """The comparison for the reference and the number of samples chosen."""
        return compare_answers(self.answers, self.reference.value, int(self.samples.value))

    def tell(self, result: CodeComparison) -> Iterable[tuple[str, str]]:
        """Agreement and where differences come from."""
        top1 = "no vector" if result.top1_agreement is None else f"{result.top1_agreement:.1%} of samples"
        counted = sum(result.histogram.values())
        yield "outputs equal", f"{result.fraction_equal:.2%} of {counted:,}, others {result.max_difference} LSB at most"
        yield "same class first", top1
        yield "why", result.explanation

    def summarise(self, result: CodeComparison) -> str:
        """Agreement in short."""
        return f"{result.fraction_equal:.2%} equal, max {result.max_difference} LSB"


class SubjectPanel(Panel[Breakdown]):
    """Confusion matrix and accuracy of a part of the test split.

    Parameters
    ----------
    predicted : [n] class indices for the split.
    split : of people the network has never seen.
    classes : names.
    part : to start from, one of `parts_of`.
    name : of the model.
    """

    size_in = (5.8, 5.0)

    def __init__(
        self, predicted: ArrayLike, split: Split, classes: tuple[str, ...], *, part: str = EVERYONE, name: str = "model"
    ) -> None:
        self.predicted, self.split, self.classes = predicted, split, classes
        controls = {"part": choose("windows of", parts_of(split, classes), part)}
        super().__init__("Unseen people", name, controls)

    def compute(self) -> Breakdown:
        """The breakdown for the part chosen."""
        return break_down(self.predicted, self.split, self.classes, self.part.value)

    def draw(self, result: Breakdown, figure: KitFigure) -> None:
        """The confusion matrix."""
        axes = lay_axes(figure, 1.0, left_in=0.9)[0]
        figure.subplots_adjust(bottom=0.16)  # slanted names need more room than numbers
        plot_confusion(result.matrix, result.classes, ax=axes)

    def tell(self, result: Breakdown) -> Iterable[tuple[str, str]]:
        """Accuracy with its interval, and the most frequent mistake."""
        yield "accuracy", str(result.accuracy)
        yield "most frequent mistake", result.worst

    def summarise(self, result: Breakdown) -> str:
        """Accuracy and interval."""
        accuracy = result.accuracy
        return f"{accuracy.fraction:.3f} [{accuracy.low:.3f} … {accuracy.high:.3f}], n={accuracy.n}"
