from tinykit.budget.assessment import (
    PERIODS_S as PERIODS_S,
)
from tinykit.budget.assessment import (
    Outlook as Outlook,
)
from tinykit.budget.assessment import (
    find_period as find_period,
)
from tinykit.budget.assessment import (
    look_ahead as look_ahead,
)
from tinykit.budget.assessment import (
    look_hot as look_hot,
)
from tinykit.budget.assessment import (
    look_warm as look_warm,
)
from tinykit.budget.assessment import (
    plan_design as plan_design,
)
from tinykit.budget.assessment import (
    sweep_design as sweep_design,
)
from tinykit.budget.assessment import (
    sweep_periods as sweep_periods,
)
from tinykit.budget.assessment import (
    weigh_design as weigh_design,
)
from tinykit.budget.fit import (
    MACHINES as MACHINES,
)
from tinykit.budget.fit import (
    FitReport as FitReport,
)
from tinykit.budget.fit import (
    Placement as Placement,
)
from tinykit.budget.fit import (
    RegionUse as RegionUse,
)
from tinykit.budget.fit import (
    Reserve as Reserve,
)
from tinykit.budget.fit import (
    Verdict as Verdict,
)
from tinykit.budget.fit import (
    check_fit as check_fit,
)
from tinykit.budget.fit import (
    check_fit_all as check_fit_all,
)
from tinykit.budget.fit import (
    line_up as line_up,
)
from tinykit.budget.fit import (
    list_placements as list_placements,
)
from tinykit.budget.fit import (
    name_machine as name_machine,
)
from tinykit.budget.offload import (
    SENSORS as SENSORS,
)
from tinykit.budget.offload import (
    Offload as Offload,
)
from tinykit.budget.offload import (
    Sensor as Sensor,
)
from tinykit.budget.offload import (
    break_even_bytes as break_even_bytes,
)
from tinykit.budget.offload import (
    compare_offload as compare_offload,
)
from tinykit.budget.power import (
    ARITHMETIC as ARITHMETIC,
)
from tinykit.budget.power import (
    FRONT_ENDS as FRONT_ENDS,
)
from tinykit.budget.power import (
    IDLES as IDLES,
)
from tinykit.budget.power import (
    LIGHTS as LIGHTS,
)
from tinykit.budget.power import (
    RADIOS as RADIOS,
)
from tinykit.budget.power import (
    SLEEP_MODES as SLEEP_MODES,
)
from tinykit.budget.power import (
    Activity as Activity,
)
from tinykit.budget.power import (
    Answer as Answer,
)
from tinykit.budget.power import (
    Battery as Battery,
)
from tinykit.budget.power import (
    CellPack as CellPack,
)
from tinykit.budget.power import (
    ClockPoint as ClockPoint,
)
from tinykit.budget.power import (
    ClockSweep as ClockSweep,
)
from tinykit.budget.power import (
    Droop as Droop,
)
from tinykit.budget.power import (
    FrontEnd as FrontEnd,
)
from tinykit.budget.power import (
    Harvester as Harvester,
)
from tinykit.budget.power import (
    Load as Load,
)
from tinykit.budget.power import (
    LoadShare as LoadShare,
)
from tinykit.budget.power import (
    Neutrality as Neutrality,
)
from tinykit.budget.power import (
    PowerBudget as PowerBudget,
)
from tinykit.budget.power import (
    Run as Run,
)
from tinykit.budget.power import (
    State as State,
)
from tinykit.budget.power import (
    Swing as Swing,
)
from tinykit.budget.power import (
    Timeline as Timeline,
)
from tinykit.budget.power import (
    Tornado as Tornado,
)
from tinykit.budget.power import (
    Transmission as Transmission,
)
from tinykit.budget.power import (
    Workload as Workload,
)
from tinykit.budget.power import (
    add_loads as add_loads,
)
from tinykit.budget.power import (
    affine_run_current as affine_run_current,
)
from tinykit.budget.power import (
    as_workload as as_workload,
)
from tinykit.budget.power import (
    average_current as average_current,
)
from tinykit.budget.power import (
    batteries as batteries,
)
from tinykit.budget.power import (
    battery as battery,
)
from tinykit.budget.power import (
    battery_life as battery_life,
)
from tinykit.budget.power import (
    ble_airtime as ble_airtime,
)
from tinykit.budget.power import (
    break_even_sleep_s as break_even_sleep_s,
)
from tinykit.budget.power import (
    budget_power as budget_power,
)
from tinykit.budget.power import (
    buffer_capacitance as buffer_capacitance,
)
from tinykit.budget.power import (
    cell_at as cell_at,
)
from tinykit.budget.power import (
    check_droop as check_droop,
)
from tinykit.budget.power import (
    check_neutral as check_neutral,
)
from tinykit.budget.power import (
    cold_capacity as cold_capacity,
)
from tinykit.budget.power import (
    cold_resistance as cold_resistance,
)
from tinykit.budget.power import (
    compute_mfcc as compute_mfcc,
)
from tinykit.budget.power import (
    duty_cycle as duty_cycle,
)
from tinykit.budget.power import (
    duty_cycled_power as duty_cycled_power,
)
from tinykit.budget.power import (
    effective_capacity as effective_capacity,
)
from tinykit.budget.power import (
    fft_operations as fft_operations,
)
from tinykit.budget.power import (
    front_end_cycles as front_end_cycles,
)
from tinykit.budget.power import (
    front_end_instructions as front_end_instructions,
)
from tinykit.budget.power import (
    front_end_time as front_end_time,
)
from tinykit.budget.power import (
    largest_model as largest_model,
)
from tinykit.budget.power import (
    ldo_efficiency as ldo_efficiency,
)
from tinykit.budget.power import (
    ldo_input_current as ldo_input_current,
)
from tinykit.budget.power import (
    leakage_doubling as leakage_doubling,
)
from tinykit.budget.power import (
    loaded_voltage as loaded_voltage,
)
from tinykit.budget.power import (
    longest_latency as longest_latency,
)
from tinykit.budget.power import (
    lora_airtime as lora_airtime,
)
from tinykit.budget.power import (
    lowest_clock as lowest_clock,
)
from tinykit.budget.power import (
    lowest_clock_for_life as lowest_clock_for_life,
)
from tinykit.budget.power import (
    make_battery as make_battery,
)
from tinykit.budget.power import (
    make_load as make_load,
)
from tinykit.budget.power import (
    own_harvester as own_harvester,
)
from tinykit.budget.power import (
    pack_life as pack_life,
)
from tinykit.budget.power import (
    parallel_buffer as parallel_buffer,
)
from tinykit.budget.power import (
    plan_workload as plan_workload,
)
from tinykit.budget.power import (
    race_gain as race_gain,
)
from tinykit.budget.power import (
    read_battery as read_battery,
)
from tinykit.budget.power import (
    reference_mfcc as reference_mfcc,
)
from tinykit.budget.power import (
    retention_current as retention_current,
)
from tinykit.budget.power import (
    self_discharge_current as self_discharge_current,
)
from tinykit.budget.power import (
    shortest_period as shortest_period,
)
from tinykit.budget.power import (
    simulate_run as simulate_run,
)
from tinykit.budget.power import (
    sleep_current as sleep_current,
)
from tinykit.budget.power import (
    smps_input_current as smps_input_current,
)
from tinykit.budget.power import (
    solar_harvester as solar_harvester,
)
from tinykit.budget.power import (
    solar_power as solar_power,
)
from tinykit.budget.power import (
    store_needed as store_needed,
)
from tinykit.budget.power import (
    sweep_clocks as sweep_clocks,
)
from tinykit.budget.power import (
    swing_life as swing_life,
)
from tinykit.budget.power import (
    thermal_harvester as thermal_harvester,
)
from tinykit.budget.power import (
    thermal_power as thermal_power,
)
from tinykit.budget.power import (
    transition_charge as transition_charge,
)
from tinykit.budget.power import (
    transmission as transmission,
)
from tinykit.budget.power import (
    warm_discharge as warm_discharge,
)
from tinykit.budget.power import (
    wire_pack as wire_pack,
)
from tinykit.budget.thermal import (
    CONTACTS as CONTACTS,
)
from tinykit.budget.thermal import (
    PAINTS as PAINTS,
)
from tinykit.budget.thermal import (
    HeatCurve as HeatCurve,
)
from tinykit.budget.thermal import (
    HeatVerdict as HeatVerdict,
)
from tinykit.budget.thermal import (
    Ladder as Ladder,
)
from tinykit.budget.thermal import (
    LoopReport as LoopReport,
)
from tinykit.budget.thermal import (
    ThermalReport as ThermalReport,
)
from tinykit.budget.thermal import (
    TouchReport as TouchReport,
)
from tinykit.budget.thermal import (
    Warming as Warming,
)
from tinykit.budget.thermal import (
    burst_until as burst_until,
)
from tinykit.budget.thermal import (
    cauer_to_foster as cauer_to_foster,
)
from tinykit.budget.thermal import (
    check_heat as check_heat,
)
from tinykit.budget.thermal import (
    check_loop as check_loop,
)
from tinykit.budget.thermal import (
    check_touch as check_touch,
)
from tinykit.budget.thermal import (
    duty_that_holds as duty_that_holds,
)
from tinykit.budget.thermal import (
    enclosure_rise as enclosure_rise,
)
from tinykit.budget.thermal import (
    follow_bursts as follow_bursts,
)
from tinykit.budget.thermal import (
    follow_step as follow_step,
)
from tinykit.budget.thermal import (
    foster_ladder as foster_ladder,
)
from tinykit.budget.thermal import (
    junction_temperature as junction_temperature,
)
from tinykit.budget.thermal import (
    junction_with_leakage as junction_with_leakage,
)
from tinykit.budget.thermal import (
    leakage_gain as leakage_gain,
)
from tinykit.budget.thermal import (
    maximum_ambient as maximum_ambient,
)
from tinykit.budget.thermal import (
    maximum_ambient_with_leakage as maximum_ambient_with_leakage,
)
from tinykit.budget.thermal import (
    maximum_power as maximum_power,
)
from tinykit.budget.thermal import (
    peak_rise as peak_rise,
)
from tinykit.budget.thermal import (
    regulator_heat as regulator_heat,
)
from tinykit.budget.thermal import (
    respond as respond,
)
from tinykit.budget.thermal import (
    solar_heat as solar_heat,
)
from tinykit.budget.thermal import (
    solar_load as solar_load,
)
from tinykit.budget.thermal import (
    temperature_rise as temperature_rise,
)
from tinykit.budget.thermal import (
    theta_ja as theta_ja,
)
from tinykit.budget.trace import (
    FORMATS as FORMATS,
)
from tinykit.budget.trace import (
    Trace as Trace,
)
from tinykit.budget.trace import (
    TraceLayout as TraceLayout,
)
from tinykit.budget.trace import (
    TraceRow as TraceRow,
)
from tinykit.budget.trace import (
    calibrate_board as calibrate_board,
)
from tinykit.budget.trace import (
    compare_trace as compare_trace,
)
from tinykit.budget.trace import (
    find_layout as find_layout,
)
from tinykit.budget.trace import (
    read_chunks as read_chunks,
)
from tinykit.budget.trace import (
    read_trace as read_trace,
)
from tinykit.budget.trace import (
    rehearse_trace as rehearse_trace,
)
