from tinykit.predict.arena.plan import (
    ArenaPlan as ArenaPlan,
    Buffer as Buffer,
    PlacedBuffer as PlacedBuffer,
    plan_greedily as plan_greedily,
)
from tinykit.predict.arena.predict import (
    ArenaComparison as ArenaComparison,
    ArenaEstimate as ArenaEstimate,
    arena_for_any_core as arena_for_any_core,
    compare_plans as compare_plans,
    plan_offline as plan_offline,
    predict_arena as predict_arena,
    with_offline_plan as with_offline_plan,
)
from tinykit.predict.energy.inputs import as_estimate as as_estimate, band as band, load_constants as load_constants
from tinykit.predict.energy.laws import (
    activity_factor as activity_factor,
    affine_run_current as affine_run_current,
    clock_ratio as clock_ratio,
    energy_per_inference as energy_per_inference,
    fit_run_current as fit_run_current,
    retention_current as retention_current,
)
from tinykit.predict.energy.predict import (
    check_clock as check_clock,
    check_supply as check_supply,
    predict_energy as predict_energy,
    predict_run_current as predict_run_current,
    supply_voltage as supply_voltage,
)
from tinykit.predict.energy.regulators import (
    ldo_input_current as ldo_input_current,
    scale_supply as scale_supply,
    smps_input_current as smps_input_current,
)
from tinykit.predict.flash import (
    FlashEstimate as FlashEstimate,
    decoder_code as decoder_code,
    platform_flash as platform_flash,
    predict_flash as predict_flash,
    predict_runtime_ram as predict_runtime_ram,
)
from tinykit.predict.latency.effects import RUNTIMES as RUNTIMES
from tinykit.predict.latency.instructions import (
    InstructionReport as InstructionReport,
    OperatorInstructions as OperatorInstructions,
    predict_instructions as predict_instructions,
)
from tinykit.predict.latency.prediction import known_runtimes as known_runtimes, predict_latency as predict_latency
from tinykit.predict.latency.shapes import OperatorShape as OperatorShape, from_rows as from_rows
from tinykit.predict.npu.compiling import (
    ACCELERATORS as ACCELERATORS,
    MEMORY_MODES as MEMORY_MODES,
    SYSTEM_CONFIGS as SYSTEM_CONFIGS,
    accelerators_of as accelerators_of,
    compile_for_npu as compile_for_npu,
    system_config_for as system_config_for,
)
from tinykit.predict.npu.report import NpuLayer as NpuLayer, NpuOperator as NpuOperator, NpuReport as NpuReport
from tinykit.predict.packing.coding import UNVERIFIED as UNVERIFIED
from tinykit.predict.packing.cost import (
    DECODE_RUNTIMES as DECODE_RUNTIMES,
    DecodeCost as DecodeCost,
    refuse_decode as refuse_decode,
)
from tinykit.predict.packing.decoding import PackChoice as PackChoice, code_weights as code_weights, pack as pack
from tinykit.predict.packing.leaning import CodedTensor as CodedTensor, Packed as Packed, lean as lean
from tinykit.predict.runtime.agreement import (
    Agreement as Agreement,
    CodeComparison as CodeComparison,
    OutputComparison as OutputComparison,
    Verification as Verification,
)
from tinykit.predict.runtime.codes import (
    dequantise as dequantise,
    predict_labels as predict_labels,
    quantise_input as quantise_input,
    to_input as to_input,
)
from tinykit.predict.runtime.layers import (
    LayerComparison as LayerComparison,
    LayerError as LayerError,
    compare_layers as compare_layers,
)
from tinykit.predict.runtime.locating import OperatorDifference as OperatorDifference
from tinykit.predict.runtime.proving import SameProof as SameProof, prove_same as prove_same
from tinykit.predict.runtime.refusal import Diagnosis as Diagnosis, diagnose as diagnose
from tinykit.predict.runtime.samples import read_inputs as read_inputs, sample_inputs as sample_inputs
from tinykit.predict.runtime.session import (
    ENGINES as ENGINES,
    RecordedArena as RecordedArena,
    Session as Session,
    TensorInfo as TensorInfo,
    measure_arena as measure_arena,
    missing_operators as missing_operators,
    run_model as run_model,
)
from tinykit.predict.runtime.verify import (
    Answers as Answers,
    collect_answers as collect_answers,
    compare_answers as compare_answers,
    verify_model as verify_model,
)
from tinykit.predict.striping.search import Striped as Striped, stripe as stripe
from tinykit.predict.validation.compare import (
    Calibration as Calibration,
    ComparedRow as ComparedRow,
    GroupError as GroupError,
    Validation as Validation,
    calibrate as calibrate,
    validate as validate,
)
from tinykit.predict.validation.measured_rows import (
    MeasuredRow as MeasuredRow,
    Skipped as Skipped,
    read_rows as read_rows,
)
from tinykit.predict.validation.published import (
    PublishedError as PublishedError,
    quote_error as quote_error,
    read_errors as read_errors,
)
