"""The main job: the whole chain from data to a verdict, headless."""

from tinykit.choose.design.checkpoints import write_checkpoints, write_studies
from tinykit.choose.design.goal import DesignGoal
from tinykit.choose.design.outcome import DesignOutcome
from tinykit.choose.design.proof import keep_measurement
from tinykit.choose.design.rebuild import Rebuilt, StageComparison, compare_stages, rebuild
from tinykit.choose.design.run import run_design
from tinykit.choose.design.steps import Step, follow
from tinykit.choose.design.studies import CLUSTERS, GRID, PRECISIONS, SPARSITIES, find_study, name_point, studies
from tinykit.choose.design.study import BASELINE, Study, make_study

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
    "run_design",
    "studies",
    "write_checkpoints",
    "write_studies",
]
