from tinykit.target.boards import (
    CORE_FAMILIES as CORE_FAMILIES,
)
from tinykit.target.boards import (
    EXTERNAL_RAM_KINDS as EXTERNAL_RAM_KINDS,
)
from tinykit.target.boards import (
    Board as Board,
)
from tinykit.target.boards import (
    Core as Core,
)
from tinykit.target.boards import (
    PowerRange as PowerRange,
)
from tinykit.target.boards import (
    Region as Region,
)
from tinykit.target.boards import (
    RunPoint as RunPoint,
)
from tinykit.target.boards import (
    Window as Window,
)
from tinykit.target.boards import (
    board as board,
)
from tinykit.target.boards import (
    core_family as core_family,
)
from tinykit.target.boards import (
    find_board as find_board,
)
from tinykit.target.boards import (
    read_board as read_board,
)
from tinykit.target.runtimes import (
    NPU_RUNTIME as NPU_RUNTIME,
)
from tinykit.target.runtimes import (
    Runtime as Runtime,
)
from tinykit.target.runtimes import (
    default_runtime as default_runtime,
)
from tinykit.target.runtimes import (
    find_runtime as find_runtime,
)
from tinykit.target.runtimes import (
    list_runtimes as list_runtimes,
)
from tinykit.target.target import (
    BUILDS as BUILDS,
)
from tinykit.target.target import (
    Reserve as Reserve,
)
from tinykit.target.target import (
    Target as Target,
)
from tinykit.target.target import (
    as_target as as_target,
)
