from tinykit.budget.assessment import (
    Assessment as Assessment,
    Use as Use,
    assess as assess,
)
from tinykit.budget.fit import (
    check_fit as check_fit,
    check_fit_all as check_fit_all,
    line_up as line_up,
    list_placements as list_placements,
)
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
    UnknownStageError as UnknownStageError,
    UnknownTaskError as UnknownTaskError,
)
from tinykit.ground.quantity import Estimate as Estimate, Fact as Fact
from tinykit.handover import virtual_board as virtual_board
from tinykit.model.graph import read as read
from tinykit.predict.arena import predict_arena as predict_arena
from tinykit.predict.energy import predict_energy as predict_energy
from tinykit.predict.latency import predict_latency as predict_latency
from tinykit.target.boards import board as board, boards as boards, read_board as read_board
from tinykit.target.runtimes import (
    Runtime as Runtime,
)
from tinykit.target.target import (
    Target as Target,
)

__version__: str
