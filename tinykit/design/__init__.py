"""The main job: the whole chain from data to a report, headless."""

from tinykit.design.checkpoints import write_checkpoints
from tinykit.design.goal import DesignGoal
from tinykit.design.outcome import DesignOutcome
from tinykit.design.proof import keep_measurement
from tinykit.design.run import run

__all__ = ["DesignGoal", "DesignOutcome", "keep_measurement", "run", "write_checkpoints"]
