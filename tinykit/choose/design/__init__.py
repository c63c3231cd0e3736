"""The main job: the whole chain from data to a verdict, headless."""

from tinykit.choose.design.outcome import DesignGoal, DesignOutcome
from tinykit.choose.design.run import keep_measurement, run_design
from tinykit.choose.design.steps import Step, follow
from tinykit.choose.design.studies import (
    BASELINE,
    CLUSTERS,
    GRID,
    PRECISIONS,
    SPARSITIES,
    Study,
    find_study,
    name_point,
    studies,
)

__all__ = [
    "BASELINE",
    "CLUSTERS",
    "GRID",
    "PRECISIONS",
    "SPARSITIES",
    "DesignGoal",
    "DesignOutcome",
    "Step",
    "Study",
    "find_study",
    "follow",
    "keep_measurement",
    "name_point",
    "run_design",
    "studies",
]
