from tinykit.ground.caches import clear_caches as clear_caches
from tinykit.ground.caches import held_bytes as held_bytes
from tinykit.ground.caches import remember as remember
from tinykit.ground.caches import remember_table as remember_table
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
from tinykit.ground.errors import (
    name_nearest as name_nearest,
)
from tinykit.ground.facts import read_toml as read_toml
from tinykit.ground.facts import shipped_path as shipped_path
from tinykit.ground.facts import to_fact as to_fact
from tinykit.ground.quantity import (
    BASES as BASES,
)
from tinykit.ground.quantity import (
    Basis as Basis,
)
from tinykit.ground.quantity import (
    Estimate as Estimate,
)
from tinykit.ground.quantity import (
    Fact as Fact,
)
from tinykit.ground.quantity import (
    format_quantity as format_quantity,
)
from tinykit.ground.quantity import (
    propagate as propagate,
)
from tinykit.ground.quantity import (
    relabel as relabel,
)
from tinykit.ground.quantity import (
    unite as unite,
)
from tinykit.ground.quantity import (
    weakest as weakest,
)
from tinykit.ground.results import Result as Result
from tinykit.ground.results import Rows as Rows
