from tinykit.handover.codegen import (
    HOST_DEFINES as HOST_DEFINES,
)
from tinykit.handover.codegen import (
    KERNELS as KERNELS,
)
from tinykit.handover.codegen import (
    OPERATORS as OPERATORS,
)
from tinykit.handover.codegen import (
    CExport as CExport,
)
from tinykit.handover.codegen import (
    ExportedOperator as ExportedOperator,
)
from tinykit.handover.codegen import (
    core_family as core_family,
)
from tinykit.handover.codegen import (
    export_c as export_c,
)
from tinykit.handover.deployment import (
    MARGIN as MARGIN,
)
from tinykit.handover.deployment import (
    TARGETS as TARGETS,
)
from tinykit.handover.deployment import (
    Deployment as Deployment,
)
from tinykit.handover.deployment import (
    SelfTestLog as SelfTestLog,
)
from tinykit.handover.deployment import (
    VectorResult as VectorResult,
)
from tinykit.handover.deployment import (
    add_method as add_method,
)
from tinykit.handover.deployment import (
    deploy as deploy,
)
from tinykit.handover.deployment import (
    deploy_c as deploy_c,
)
from tinykit.handover.deployment import (
    deploy_tflm as deploy_tflm,
)
from tinykit.handover.deployment import (
    make_golden_vectors as make_golden_vectors,
)
from tinykit.handover.deployment import (
    read_self_test_log as read_self_test_log,
)
from tinykit.handover.virtual_board import (
    CORES as CORES,
)
from tinykit.handover.virtual_board import (
    BoardRun as BoardRun,
)
from tinykit.handover.virtual_board import (
    Classes as Classes,
)
from tinykit.handover.virtual_board import (
    CoreCount as CoreCount,
)
from tinykit.handover.virtual_board import (
    Fault as Fault,
)
from tinykit.handover.virtual_board import (
    Hashes as Hashes,
)
from tinykit.handover.virtual_board import (
    Limits as Limits,
)
from tinykit.handover.virtual_board import (
    OperatorRun as OperatorRun,
)
from tinykit.handover.virtual_board import (
    Sizes as Sizes,
)
from tinykit.handover.virtual_board import (
    TflmCount as TflmCount,
)
from tinykit.handover.virtual_board import (
    sample_codes as sample_codes,
)
