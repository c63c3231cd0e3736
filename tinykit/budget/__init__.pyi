from tinykit.budget.assessment.binding import (
    Binding as Binding,
    check_memory as check_memory,
    map_binding as map_binding,
    what_binds as what_binds,
)
from tinykit.budget.assessment.budgets import Budgets as Budgets, Check as Check, check_budgets as check_budgets
from tinykit.budget.assessment.chain import (
    PERIODS_S as PERIODS_S,
    Assessment as Assessment,
    assess as assess,
    sweep_periods as sweep_periods,
)
from tinykit.budget.assessment.draft import (
    ASKED as ASKED,
    draft_board as draft_board,
    list_open as list_open,
    tell_board as tell_board,
)
from tinykit.budget.assessment.use import Beside as Beside, Use as Use
from tinykit.budget.fit.check import (
    MACHINES as MACHINES,
    check_fit as check_fit,
    check_fit_all as check_fit_all,
    line_up as line_up,
    line_up_runtimes as line_up_runtimes,
    list_gained as list_gained,
    name_machine as name_machine,
)
from tinykit.budget.fit.placements import Placement as Placement, list_placements as list_placements
from tinykit.budget.fit.verdict import FitReport as FitReport, RegionUse as RegionUse, Verdict as Verdict
from tinykit.budget.offload import (
    SENSORS as SENSORS,
    UPLINKS as UPLINKS,
    Offload as Offload,
    compare_offload as compare_offload,
    weigh_design as weigh_design,
)
from tinykit.budget.power.budget import PowerBudget as PowerBudget, budget_power as budget_power
from tinykit.budget.power.cells import (
    Battery as Battery,
    batteries as batteries,
    battery as battery,
    battery_life as battery_life,
    buffer_capacitance as buffer_capacitance,
    cell_at as cell_at,
    cold_capacity as cold_capacity,
    cold_resistance as cold_resistance,
    effective_capacity as effective_capacity,
    loaded_voltage as loaded_voltage,
    read_battery as read_battery,
    self_discharge_current as self_discharge_current,
    warm_discharge as warm_discharge,
)
from tinykit.budget.power.dvfs import (
    IDLES as IDLES,
    ClockPoint as ClockPoint,
    ClockSweep as ClockSweep,
    sweep_clocks as sweep_clocks,
)
from tinykit.budget.power.frontend import (
    ARITHMETIC as ARITHMETIC,
    FRONT_ENDS as FRONT_ENDS,
    FrontEnd as FrontEnd,
    fft_operations as fft_operations,
    front_end_cycles as front_end_cycles,
    front_end_instructions as front_end_instructions,
    front_end_time as front_end_time,
)
from tinykit.budget.power.harvest import (
    LIGHTS as LIGHTS,
    Harvester as Harvester,
    Neutrality as Neutrality,
    check_neutral as check_neutral,
    own_harvester as own_harvester,
    solar_harvester as solar_harvester,
    solar_power as solar_power,
    store_needed as store_needed,
    thermal_harvester as thermal_harvester,
    thermal_power as thermal_power,
)
from tinykit.budget.power.inverse import (
    Answer as Answer,
    largest_model as largest_model,
    longest_latency as longest_latency,
    lowest_clock_for_life as lowest_clock_for_life,
    shortest_period as shortest_period,
)
from tinykit.budget.power.pack import (
    CellPack as CellPack,
    find_battery as find_battery,
    pack_life as pack_life,
    wire_pack as wire_pack,
)
from tinykit.budget.power.radio import (
    RADIOS as RADIOS,
    Transmission as Transmission,
    ble_airtime as ble_airtime,
    lora_airtime as lora_airtime,
    transmission as transmission,
)
from tinykit.budget.power.sensitivity import (
    Settling as Settling,
    Swing as Swing,
    Tornado as Tornado,
    settle_budget as settle_budget,
    swing_life as swing_life,
)
from tinykit.budget.power.timeline import (
    SLEEP_MODES as SLEEP_MODES,
    State as State,
    Timeline as Timeline,
    leakage_doubling as leakage_doubling,
    sleep_current as sleep_current,
)
from tinykit.budget.power.workload import (
    Activity as Activity,
    Load as Load,
    LoadShare as LoadShare,
    Workload as Workload,
    add_loads as add_loads,
    as_workload as as_workload,
    make_load as make_load,
    plan_workload as plan_workload,
)
from tinykit.budget.scenarios import (
    Scenario as Scenario,
    find_scenario as find_scenario,
    list_scenarios as list_scenarios,
    scenario_of as scenario_of,
)
from tinykit.budget.thermal.check import (
    CONTACTS as CONTACTS,
    PAINTS as PAINTS,
    HeatVerdict as HeatVerdict,
    ThermalReport as ThermalReport,
    TouchReport as TouchReport,
    check_heat as check_heat,
    check_touch as check_touch,
    solar_load as solar_load,
)
from tinykit.budget.thermal.die import (
    enclosure_rise as enclosure_rise,
    foster_ladder as foster_ladder,
    junction_with_leakage as junction_with_leakage,
    maximum_ambient_with_leakage as maximum_ambient_with_leakage,
    solar_heat as solar_heat,
    temperature_rise as temperature_rise,
    theta_ja as theta_ja,
)
from tinykit.budget.thermal.warming import (
    HeatCurve as HeatCurve,
    Ladder as Ladder,
    Warming as Warming,
    burst_until as burst_until,
    duty_that_holds as duty_that_holds,
    follow_bursts as follow_bursts,
    follow_step as follow_step,
    peak_rise as peak_rise,
)
from tinykit.budget.trace.compare import (
    TraceRow as TraceRow,
    calibrate_board as calibrate_board,
    compare_trace as compare_trace,
    rehearse_trace as rehearse_trace,
)
from tinykit.budget.trace.header import FORMATS as FORMATS, TraceLayout as TraceLayout
from tinykit.budget.trace.plateaus import Trace as Trace, read_trace as read_trace
from tinykit.budget.trace.reading import find_layout as find_layout, read_chunks as read_chunks
