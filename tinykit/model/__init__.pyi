from tinykit.model.graph import (
    Kernel as Kernel,
)
from tinykit.model.graph import (
    ModelGraph as ModelGraph,
)
from tinykit.model.graph import (
    Operator as Operator,
)
from tinykit.model.graph import (
    Precision as Precision,
)
from tinykit.model.graph import (
    Tensor as Tensor,
)
from tinykit.model.graph import (
    find_stray_operators as find_stray_operators,
)
from tinykit.model.graph import (
    list_kernels as list_kernels,
)
from tinykit.model.graph import (
    read as read,
)
from tinykit.model.graph import (
    write_metadata as write_metadata,
)
from tinykit.model.graph import (
    write_offline_offsets as write_offline_offsets,
)
from tinykit.model.lint import lint_graph as lint_graph
from tinykit.model.record import (
    DesignRecord as DesignRecord,
)
from tinykit.model.record import (
    Stage as Stage,
)
from tinykit.model.record import (
    hash_bytes as hash_bytes,
)
from tinykit.model.record import (
    open_record as open_record,
)
from tinykit.model.record import (
    resume as resume,
)
from tinykit.model.record import (
    tool_versions as tool_versions,
)
from tinykit.model.record import (
    workspace as workspace,
)
from tinykit.model.record import (
    write_atomically as write_atomically,
)
