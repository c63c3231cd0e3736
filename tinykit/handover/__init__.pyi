from tinykit.handover.codegen.export import (
    HOST_DEFINES as HOST_DEFINES,
    KERNELS as KERNELS,
    CExport as CExport,
    ExportedOperator as ExportedOperator,
    export_c as export_c,
)
from tinykit.handover.codegen.lowerings import OPERATORS as OPERATORS
from tinykit.handover.deployment.front_end import Preparation as Preparation
from tinykit.handover.deployment.self_test import (
    SelfTestLog as SelfTestLog,
    VectorResult as VectorResult,
    read_self_test_log as read_self_test_log,
)
from tinykit.handover.deployment.targets import (
    MARGIN as MARGIN,
    TARGETS as TARGETS,
    Exporter as Exporter,
    add_method as add_method,
    deploy as deploy,
    deploy_c as deploy_c,
    deploy_tflm as deploy_tflm,
)
from tinykit.handover.deployment.writing import Deployment as Deployment, make_golden_vectors as make_golden_vectors
from tinykit.handover.fix import Mended as Mended, mend as mend
from tinykit.handover.readback.matching import (
    BesideReport as BesideReport,
    Match as Match,
    hold_beside as hold_beside,
    keep_report as keep_report,
    match_report as match_report,
    report_impulse as report_impulse,
)
from tinykit.handover.readback.report import (
    ToolReport as ToolReport,
    read_report as read_report,
    read_reports as read_reports,
)
from tinykit.handover.virtual_board import (
    CORES as CORES,
    BoardRun as BoardRun,
    Classes as Classes,
    CoreCount as CoreCount,
    Fault as Fault,
    Hashes as Hashes,
    Limits as Limits,
    OperatorRun as OperatorRun,
    Sizes as Sizes,
    TflmCount as TflmCount,
    sample_codes as sample_codes,
)
