from tinykit.target.boards import board as board, find_board as find_board
from tinykit.target.boards.reading import read_board as read_board
from tinykit.target.boards.record import (
    CORE_FAMILIES as CORE_FAMILIES,
    EXTERNAL_RAM_KINDS as EXTERNAL_RAM_KINDS,
    AsSold as AsSold,
    Board as Board,
    Core as Core,
    PowerRange as PowerRange,
    Region as Region,
    RunPoint as RunPoint,
    Window as Window,
    core_family as core_family,
)
from tinykit.target.devices import (
    Sensor as Sensor,
    Signal as Signal,
    find_sensor as find_sensor,
    find_signal as find_signal,
    list_sensors as list_sensors,
    list_signals as list_signals,
)
from tinykit.target.runtimes import (
    NPU_RUNTIME as NPU_RUNTIME,
    Runtime as Runtime,
    default_runtime as default_runtime,
    find_runtime as find_runtime,
    list_runtimes as list_runtimes,
    platform_flash as platform_flash,
)
from tinykit.target.target import BUILDS as BUILDS, Reserve as Reserve, Target as Target, as_target as as_target
