"""What a device listens for: the network of each usual task, and what may leave the device instead of its answer."""

from dataclasses import dataclass

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ParameterError, look_up
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.ground.results import Result
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.latency.measured import model_shapes
from tinykit.predict.latency.prediction import predict_latency
from tinykit.target.devices import find_signal
from tinykit.target.tables import FactTable
from tinykit.target.target import Target


@dataclass(frozen=True, slots=True)
class Scenario(Result):
    """What a device listens for: the network, and what may leave the device instead of its answer.

    Parameters
    ----------
    id : of the task.
    network : of `data/latency/operators.csv`, or a file below `data/`.
    reads, inferences : values the network takes at once, and how often it does so over one window.
    features : values left of a window by front end or scaling, a byte each.
    ratio, cycles : raw over compressed [1], and what compressing takes [cycle/byte].
    """

    id: str
    network: str
    reads: int
    features: int
    ratio: Fact
    cycles: Fact
    inferences: int = 1

    def latency_s(self, target: Target) -> Estimate:
        """Its network on a target, over one window [s]; errors as of `predict_latency`."""
        file = self.network.endswith(".tflite")
        model = shipped_path("data", *self.network.split("/")) if file else model_shapes()[self.network]
        each = predict_latency(model, target=target)
        return propagate(lambda one: one * self.inferences, each, unit="s", source=f"network {self.network}")


@remember_table
def list_scenarios() -> dict[str, Scenario]:
    """The usual ones by the id of their task."""
    tables = read_toml(shipped_path("data", "devices", "scenarios.toml"))
    return {name: FactTable(raw, f"scenarios.toml: {name}").read(Scenario, id=name) for name, raw in tables.items()}


def find_scenario(task: str) -> Scenario:
    """That of a task; ParameterError where there is none."""
    return look_up(task, list_scenarios(), f"sensor {task!r} is unknown", ParameterError)


def scenario_of(graph: GraphOrFile, task: str | None = None) -> str | None:
    """The scenario that a network is for: that of its task, else the one whose network takes as many values; or None.

    Three channels instead of one count as the same.
    """
    read = as_graph(graph)
    size = sum(read.tensors[index].elements for index in read.inputs)
    fitting = (name for name, one in list_scenarios().items() if size in (one.reads, 3 * one.reads))
    return next(fitting, None) if task is None else find_signal(task).id
