from tinykit.ground.caches import (
    clear_caches as clear_caches,
    held_bytes as held_bytes,
    remember as remember,
    remember_table as remember_table,
)
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
    name_nearest as name_nearest,
)
from tinykit.ground.facts import read_toml as read_toml, shipped_path as shipped_path, to_fact as to_fact
from tinykit.ground.quantity import (
    BASES as BASES,
    Basis as Basis,
    Estimate as Estimate,
    Fact as Fact,
    format_quantity as format_quantity,
    propagate as propagate,
    relabel as relabel,
    unite as unite,
    weakest as weakest,
)
from tinykit.ground.results import Result as Result, Rows as Rows
from tinykit.ground.writing import write_atomically as write_atomically, write_folder as write_folder
