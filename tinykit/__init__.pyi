from tinykit.budget.fit import (
    check_fit as check_fit,
)
from tinykit.budget.fit import (
    check_fit_all as check_fit_all,
)
from tinykit.budget.fit import (
    line_up as line_up,
)
from tinykit.budget.fit import (
    list_placements as list_placements,
)
from tinykit.ground.caches import clear_caches as clear_caches
from tinykit.ground.errors import (
    DataError as DataError,
)
from tinykit.ground.errors import (
    EngineError as EngineError,
)
from tinykit.ground.errors import (
    FactError as FactError,
)
from tinykit.ground.errors import (
    KerasVersionError as KerasVersionError,
)
from tinykit.ground.errors import (
    MissingPackageError as MissingPackageError,
)
from tinykit.ground.errors import (
    ModelError as ModelError,
)
from tinykit.ground.errors import (
    OutputError as OutputError,
)
from tinykit.ground.errors import (
    ParameterError as ParameterError,
)
from tinykit.ground.errors import (
    RecordError as RecordError,
)
from tinykit.ground.errors import (
    TinykitError as TinykitError,
)
from tinykit.ground.errors import (
    UnknownBatteryError as UnknownBatteryError,
)
from tinykit.ground.errors import (
    UnknownBoardError as UnknownBoardError,
)
from tinykit.ground.errors import (
    UnknownFactError as UnknownFactError,
)
from tinykit.ground.errors import (
    UnknownRuntimeError as UnknownRuntimeError,
)
from tinykit.ground.errors import (
    UnknownStageError as UnknownStageError,
)
from tinykit.ground.errors import (
    UnknownTaskError as UnknownTaskError,
)
from tinykit.ground.quantity import Estimate as Estimate
from tinykit.ground.quantity import Fact as Fact
from tinykit.handover import virtual_board as virtual_board
from tinykit.model.graph import read as read
from tinykit.predict.arena import predict_arena as predict_arena
from tinykit.predict.energy import predict_energy as predict_energy
from tinykit.predict.latency import predict_latency as predict_latency
from tinykit.target.boards import board as board
from tinykit.target.boards import boards as boards
from tinykit.target.boards import read_board as read_board

__version__: str
