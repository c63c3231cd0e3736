from tinykit.budget.assessment.chain import Assessment as Assessment, assess as assess
from tinykit.budget.assessment.use import Use as Use
from tinykit.budget.fit.check import check_fit as check_fit, check_fit_all as check_fit_all, line_up as line_up
from tinykit.budget.fit.placements import list_placements as list_placements
from tinykit.choose.exploration.exploring import explore as explore
from tinykit.choose.exploration.study import Study as Study
from tinykit.ground.caches import clear_caches as clear_caches
from tinykit.ground.errors import (
    DataError as DataError,
    EngineError as EngineError,
    FactError as FactError,
    KerasVersionError as KerasVersionError,
    MissingPackageError as MissingPackageError,
    ModelError as ModelError,
    OutputError as OutputError,
    ParameterError as ParameterError,
    RecordError as RecordError,
    TinykitError as TinykitError,
    UnknownBatteryError as UnknownBatteryError,
    UnknownBoardError as UnknownBoardError,
    UnknownFactError as UnknownFactError,
    UnknownRuntimeError as UnknownRuntimeError,
    UnknownSensorError as UnknownSensorError,
    UnknownStageError as UnknownStageError,
    UnknownTaskError as UnknownTaskError,
)
from tinykit.ground.quantity import Estimate as Estimate, Fact as Fact
from tinykit.handover import virtual_board as virtual_board
from tinykit.model.graph.reading import read as read
from tinykit.predict.arena.predict import predict_arena as predict_arena
from tinykit.predict.energy.predict import predict_energy as predict_energy
from tinykit.predict.latency.prediction import predict_latency as predict_latency
from tinykit.show.course import check as check, decide as decide, look_back as look_back
from tinykit.show.panels.guessing import guess as guess
from tinykit.target.boards import board as board, boards as boards
from tinykit.target.boards.reading import read_board as read_board
from tinykit.target.runtimes import Runtime as Runtime
from tinykit.target.target import Target as Target

__version__: str
