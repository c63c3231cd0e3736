"""The main job: the whole chain from data to a verdict, headless."""

from tinykit.choose.design.goal import DesignGoal
from tinykit.choose.design.outcome import DesignOutcome
from tinykit.choose.design.proof import keep_measurement
from tinykit.choose.design.run import run_design
from tinykit.choose.design.steps import Step, follow
from tinykit.choose.design.studies import CLUSTERS, GRID, PRECISIONS, SPARSITIES, find_study, name_point, studies
from tinykit.choose.design.study import BASELINE, Study

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
