"""The main job: the whole chain from data to a report, headless."""

from tinykit.design.checkpoints import write_checkpoints, write_studies
from tinykit.design.goal import DesignGoal
from tinykit.design.outcome import DesignOutcome
from tinykit.design.proof import keep_measurement
from tinykit.design.rebuild import Rebuilt, StageComparison, compare_stages, rebuild
from tinykit.design.recipes import CLUSTERS, GRID, PRECISIONS, SPARSITIES, find_study, name_point, studies
from tinykit.design.run import run
from tinykit.design.steps import Step, follow
from tinykit.design.study import BASELINE, Study, make_study

__all__ = [
    "BASELINE",
    "CLUSTERS",
    "GRID",
    "PRECISIONS",
    "SPARSITIES",
    "DesignGoal",
    "DesignOutcome",
    "Rebuilt",
    "StageComparison",
    "Step",
    "Study",
    "compare_stages",
    "find_study",
    "follow",
    "keep_measurement",
    "make_study",
    "name_point",
    "rebuild",
    "run",
    "studies",
    "write_checkpoints",
    "write_studies",
]
