from tinykit.model.graph.flatbuffer import (
    write_metadata as write_metadata,
    write_offline_offsets as write_offline_offsets,
)
from tinykit.model.graph.kernels import (
    Kernel as Kernel,
    WeightCount as WeightCount,
    count_weights as count_weights,
    list_kernels as list_kernels,
)
from tinykit.model.graph.model import (
    ModelGraph as ModelGraph,
    Operator as Operator,
    Precision as Precision,
    Tensor as Tensor,
)
from tinykit.model.graph.reading import as_graph as as_graph, read as read
from tinykit.model.impulse import Impulse as Impulse, read_impulse as read_impulse
from tinykit.model.lint import (
    Finding as Finding,
    Severity as Severity,
    find_stray_operators as find_stray_operators,
    lint_graph as lint_graph,
)
from tinykit.model.readings import Reading as Reading, list_readings as list_readings, name_damaged as name_damaged
from tinykit.model.record import (
    DesignRecord as DesignRecord,
    Stage as Stage,
    hash_bytes as hash_bytes,
    open_record as open_record,
    resume as resume,
    tool_versions as tool_versions,
    workspace as workspace,
)
