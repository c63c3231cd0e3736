from tinykit.predict.arena import (
    ArenaComparison as ArenaComparison,
)
from tinykit.predict.arena import (
    ArenaEstimate as ArenaEstimate,
)
from tinykit.predict.arena import (
    ArenaPlan as ArenaPlan,
)
from tinykit.predict.arena import (
    Buffer as Buffer,
)
from tinykit.predict.arena import (
    PlacedBuffer as PlacedBuffer,
)
from tinykit.predict.arena import (
    arena_for_any_core as arena_for_any_core,
)
from tinykit.predict.arena import (
    compare_plans as compare_plans,
)
from tinykit.predict.arena import (
    list_buffers as list_buffers,
)
from tinykit.predict.arena import (
    list_scratch_bytes as list_scratch_bytes,
)
from tinykit.predict.arena import (
    plan_greedily as plan_greedily,
)
from tinykit.predict.arena import (
    plan_offline as plan_offline,
)
from tinykit.predict.arena import (
    predict_arena as predict_arena,
)
from tinykit.predict.arena import (
    with_offline_plan as with_offline_plan,
)
from tinykit.predict.energy import (
    activity_factor as activity_factor,
)
from tinykit.predict.energy import (
    affine_run_current as affine_run_current,
)
from tinykit.predict.energy import (
    as_estimate as as_estimate,
)
from tinykit.predict.energy import (
    band as band,
)
from tinykit.predict.energy import (
    check_clock as check_clock,
)
from tinykit.predict.energy import (
    check_supply as check_supply,
)
from tinykit.predict.energy import (
    clock_ratio as clock_ratio,
)
from tinykit.predict.energy import (
    energy_per_inference as energy_per_inference,
)
from tinykit.predict.energy import (
    fit_run_current as fit_run_current,
)
from tinykit.predict.energy import (
    ldo_input_current as ldo_input_current,
)
from tinykit.predict.energy import (
    list_modes as list_modes,
)
from tinykit.predict.energy import (
    load_constants as load_constants,
)
from tinykit.predict.energy import (
    predict_energy as predict_energy,
)
from tinykit.predict.energy import (
    predict_run_current as predict_run_current,
)
from tinykit.predict.energy import (
    scale_supply as scale_supply,
)
from tinykit.predict.energy import (
    smps_input_current as smps_input_current,
)
from tinykit.predict.energy import (
    supply_voltage as supply_voltage,
)
from tinykit.predict.energy import (
    with_mode as with_mode,
)
from tinykit.predict.flash import (
    BUILDS as BUILDS,
)
from tinykit.predict.flash import (
    FlashEstimate as FlashEstimate,
)
from tinykit.predict.flash import (
    decoder_code as decoder_code,
)
from tinykit.predict.flash import (
    predict_flash as predict_flash,
)
from tinykit.predict.flash import (
    predict_runtime_ram as predict_runtime_ram,
)
from tinykit.predict.latency import (
    RUNTIMES as RUNTIMES,
)
from tinykit.predict.latency import (
    Asked as Asked,
)
from tinykit.predict.latency import (
    InstructionReport as InstructionReport,
)
from tinykit.predict.latency import (
    OperatorInstructions as OperatorInstructions,
)
from tinykit.predict.latency import (
    OperatorShape as OperatorShape,
)
from tinykit.predict.latency import (
    default_runtime as default_runtime,
)
from tinykit.predict.latency import (
    from_graph as from_graph,
)
from tinykit.predict.latency import (
    from_rows as from_rows,
)
from tinykit.predict.latency import (
    known_runtimes as known_runtimes,
)
from tinykit.predict.latency import (
    model_latency as model_latency,
)
from tinykit.predict.latency import (
    predict_instructions as predict_instructions,
)
from tinykit.predict.latency import (
    predict_latency as predict_latency,
)
from tinykit.predict.npu import (
    ACCELERATORS as ACCELERATORS,
)
from tinykit.predict.npu import (
    MEMORY_MODES as MEMORY_MODES,
)
from tinykit.predict.npu import (
    SYSTEM_CONFIGS as SYSTEM_CONFIGS,
)
from tinykit.predict.npu import (
    EncodedWeights as EncodedWeights,
)
from tinykit.predict.npu import (
    NpuLayer as NpuLayer,
)
from tinykit.predict.npu import (
    NpuOperator as NpuOperator,
)
from tinykit.predict.npu import (
    NpuReport as NpuReport,
)
from tinykit.predict.npu import (
    accelerators_of as accelerators_of,
)
from tinykit.predict.npu import (
    compile_for_npu as compile_for_npu,
)
from tinykit.predict.npu import (
    encode_weights as encode_weights,
)
from tinykit.predict.npu import (
    system_config_for as system_config_for,
)
from tinykit.predict.packing import (
    DECODE_RUNTIMES as DECODE_RUNTIMES,
)
from tinykit.predict.packing import (
    UNVERIFIED as UNVERIFIED,
)
from tinykit.predict.packing import (
    CodedTensor as CodedTensor,
)
from tinykit.predict.packing import (
    DecodeCost as DecodeCost,
)
from tinykit.predict.packing import (
    PackChoice as PackChoice,
)
from tinykit.predict.packing import (
    Packed as Packed,
)
from tinykit.predict.packing import (
    code_weights as code_weights,
)
from tinykit.predict.packing import (
    cost_of_decode as cost_of_decode,
)
from tinykit.predict.packing import (
    foresee_flash as foresee_flash,
)
from tinykit.predict.packing import (
    has_decode as has_decode,
)
from tinykit.predict.packing import (
    lean as lean,
)
from tinykit.predict.packing import (
    pack as pack,
)
from tinykit.predict.packing import (
    predict_packed_latency as predict_packed_latency,
)
from tinykit.predict.packing import (
    refuse_decode as refuse_decode,
)
from tinykit.predict.runtime import (
    ENGINES as ENGINES,
)
from tinykit.predict.runtime import (
    Answers as Answers,
)
from tinykit.predict.runtime import (
    CodeComparison as CodeComparison,
)
from tinykit.predict.runtime import (
    LayerComparison as LayerComparison,
)
from tinykit.predict.runtime import (
    LayerError as LayerError,
)
from tinykit.predict.runtime import (
    RecordedArena as RecordedArena,
)
from tinykit.predict.runtime import (
    SameProof as SameProof,
)
from tinykit.predict.runtime import (
    Session as Session,
)
from tinykit.predict.runtime import (
    TensorInfo as TensorInfo,
)
from tinykit.predict.runtime import (
    Verification as Verification,
)
from tinykit.predict.runtime import (
    collect_answers as collect_answers,
)
from tinykit.predict.runtime import (
    compare_answers as compare_answers,
)
from tinykit.predict.runtime import (
    compare_layers as compare_layers,
)
from tinykit.predict.runtime import (
    dequantise as dequantise,
)
from tinykit.predict.runtime import (
    measure_arena as measure_arena,
)
from tinykit.predict.runtime import (
    missing_operators as missing_operators,
)
from tinykit.predict.runtime import (
    predict_labels as predict_labels,
)
from tinykit.predict.runtime import (
    prove_same as prove_same,
)
from tinykit.predict.runtime import (
    quantise_input as quantise_input,
)
from tinykit.predict.runtime import (
    run_model as run_model,
)
from tinykit.predict.runtime import (
    sample_inputs as sample_inputs,
)
from tinykit.predict.runtime import (
    score_model as score_model,
)
from tinykit.predict.runtime import (
    to_input as to_input,
)
from tinykit.predict.runtime import (
    verify_model as verify_model,
)
from tinykit.predict.validation import (
    Calibration as Calibration,
)
from tinykit.predict.validation import (
    ComparedRow as ComparedRow,
)
from tinykit.predict.validation import (
    GroupError as GroupError,
)
from tinykit.predict.validation import (
    MeasuredRow as MeasuredRow,
)
from tinykit.predict.validation import (
    PublishedError as PublishedError,
)
from tinykit.predict.validation import (
    Skipped as Skipped,
)
from tinykit.predict.validation import (
    Validation as Validation,
)
from tinykit.predict.validation import (
    calibrate as calibrate,
)
from tinykit.predict.validation import (
    quote_error as quote_error,
)
from tinykit.predict.validation import (
    read_errors as read_errors,
)
from tinykit.predict.validation import (
    read_rows as read_rows,
)
from tinykit.predict.validation import (
    validate as validate,
)
