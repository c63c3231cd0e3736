"""The catalogue against figures copied from the documents, and every way a board file can be wrong."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import tinykit.target.boards as catalogue
from tests.models import Net
from tinykit.budget.fit.check import check_fit
from tinykit.budget.power.workload import rest_of_board
from tinykit.ground.errors import FactError, ParameterError, UnknownBoardError
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import BASES
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.target.boards import board, boards, find_board
from tinykit.target.boards.reading import read_board
from tinykit.target.boards.record import CORE_FAMILIES, Core, core_family

# Largest contiguous internal RAM [byte], worked out bank by bank from the vendors' memory maps
# (modm-devices 0.13.1, CubeMX memory files, probe-rs targets @67993c4b6), apart from the board files.
LARGEST_WINDOW = {
    "stm32f407g-disc1": 131072, "nucleo-f446re": 131072, "nucleo-f411re": 131072, "stm32f746g-disco": 327680,
    "stm32f769i-disco": 524288, "nucleo-h743zi2": 524288, "stm32h747i-disco": 524288, "portenta-h7": 524288,
    "stm32h7s78-dk": 466944, "stm32n6570-dk": 3932160, "nucleo-l4r5zi": 655360, "b-l475e-iot01a": 98304,
    "b-u585i-iot02a": 786432, "nucleo-u575zi-q": 786432, "nucleo-h563zi": 655360, "stm32h573i-dk": 655360,
    "nucleo-h7a3zi-q": 1048576, "p-nucleo-wb55": 262144, "nucleo-wl55jc": 65536, "nrf52840dk": 262144,
    "adafruit-feather-nrf52840-sense": 262144, "microbit-v2": 131072, "nrf5340dk": 524288, "nrf54l15dk": 262144,
    "raspberry-pi-pico": 270336, "raspberry-pi-pico-2": 532480, "sparkfun-edge": 393216, "apollo4p-evb": 1441792,
    "apollo510-evb": 3145728, "xg24-dk2601b": 262144, "cy8ckit-062-wifi-bt": 294912, "kit-pse84-eval": 5242880,
    "mimxrt1060-evk": 524288, "teensy41": 524288, "frdm-mcxn947": 425984, "ek-ra6m4": 262144, "ek-ra8m1": 917504,
    "alif-ensemble-e7-devkit": 4194304, "corstone-300": 2097152, "max78000fthr": 131072, "sony-spresense": 1572864,
    "adafruit-edgebadge": 196608, "bluepill-stm32f103c8": 20480, "nucleo-l432kc": 65536, "nucleo-g474re": 98304,
    "nucleo-h723zg": 327680, "nucleo-u385rg-q": 262144, "nucleo-l4r5zi-p": 655360, "nrf54lm20dk": 524288,
    "xiao-nrf54l15-sense": 262144, "nrf9160dk": 262144, "thingy91": 262144, "arduino-uno-r4-wifi": 32768,
    "ek-ra8d1": 917504, "efr32xg26-dk": 524288, "alif-ensemble-e8-devkit": 4194304, "alif-ensemble-e3": 4194304,
    "raspberry-pi-pico-w": 270336, "raspberry-pi-pico-2-w": 532480, "arduino-giga-r1": 524288,
}  # fmt: skip

# No document states a run current for these: the answer is "unknown", never a default.
NO_RUN_CURRENT = {
    "stm32n6570-dk", "nrf54h20dk", "raspberry-pi-pico-w", "esp32-c6-devkitc-1", "ek-ra8m1", "kit-pse84-eval",
    "himax-we-i-plus", "grove-vision-ai-v2", "alif-ensemble-e3", "alif-ensemble-e7-devkit", "corstone-300",
    "corstone-310", "sony-spresense", "launchxl-f28p55x", "gap9-evk", "syntiant-ndp9120", "apollo510-evb",
    "apollo4p-evb", "nucleo-l4r5zi-p", "nrf54lm20dk", "arduino-uno-r4-wifi", "ek-ra8d1", "efr32xg26-dk",
    "alif-ensemble-e8-devkit", "esp32-p4-function-ev",
}  # fmt: skip
NO_KNOWN_WINDOW = {
    "nrf54h20dk",
    "himax-we-i-plus",
    "grove-vision-ai-v2",
    "launchxl-f28p55x",
    "gap9-evk",
    "syntiant-ndp9120",
}
COPIED = {*LARGEST_WINDOW, *NO_RUN_CURRENT, *NO_KNOWN_WINDOW}
"""The boards whose figures stand here: nothing is said of how many others there are."""
ARM_CORES = {f"cortex-{name}" for name in ("m0", "m0plus", "m3", "m4", "m7", "m33", "m55", "m85", "a32")}
OTHER_CORES = {"xtensa-lx6", "xtensa-lx7", "arc-em9d", "c28x", "c28x-cla", "hifi3"}


def internal(item):
    return [window for window in item.sram_windows() if window.kind not in ("psram", "sdram")]


def documented_board() -> str:
    """The form that lies beside the package's code, as a user would copy it."""
    return Path(catalogue.__file__).with_name("form.toml").read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path):
    def write_board(text: str, name: str = "mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_board


# --- the catalogue -------------------------------------------------------------------------------


def test_catalogue_is_whole_sorted_and_cached():
    files = {path.stem for path in shipped_path("data", "boards").glob("*.toml")}
    assert {item.id for item in boards()} == files >= COPIED
    assert [item.id for item in boards()] == sorted(item.id for item in boards())
    assert boards() is boards()
    assert board("teensy41") is next(item for item in boards() if item.id == "teensy41")


def test_a_file_is_named_as_its_id():
    for name in catalogue._ids():
        assert board(name).id == name


@pytest.mark.parametrize(("name", "size"), LARGEST_WINDOW.items())
def test_largest_contiguous_ram(name, size):
    assert internal(board(name))[0].total_bytes == size


def test_espressif_boards_offer_the_pools_of_the_heap():
    """memory_layout.c of ESP-IDF: bytes below what the ROM keeps; a second pool of the S3 follows, never joined."""
    pools = {"esp32-c3-devkitm-1": (378_640,), "xiao-esp32c3": (378_640,), "esp32-c6-devkitc-1": (509_456,),
             "esp32-h2-devkitm-1": (316_288,), "esp32-s3-devkitc-1": (399_120, 32_768),
             "xiao-esp32s3-sense": (399_120, 32_768), "arduino-nano-esp32": (399_120, 32_768),
             "esp32-devkitc-v4": (180_736, 113_840), "esp32-p4-function-ev": (413_760, 241_600, 8192)}  # fmt: skip
    for name, sizes in pools.items():
        assert tuple(window.available_bytes for window in internal(board(name))) == sizes, name


def test_the_two_windows_of_an_esp32_are_never_joined():
    """ESP-IDF: 0x2C200 bytes of static data at most, then a heap block of 113,840; users saw 95 to 160 KiB."""
    assert [window.available_bytes for window in internal(board("esp-eye"))] == [180_736, 113_840]
    wide = read(Net((1, 104, 104, 3)).conv(8, (3, 3), (2, 2)).conv(64, (1, 1)).to_bytes())
    report = check_fit(wide, "esp-eye", use_engine=False)
    assert 160 * 1024 < predict_arena(wide, runtime="esp-nn", core="xtensa-lx6").value < 320 * 1024
    assert (report.verdict, report.regions[0].kind) == ("tight", "psram")


def test_what_a_radio_stack_takes_is_reserved():
    # PlatformIO adafruit_feather_nrf52840_sense: 815,104 byte of flash and 248,832 byte of RAM after the SoftDevice.
    feather = board("adafruit-feather-nrf52840-sense")
    assert internal(feather)[0].available_bytes == 248_832
    assert feather.flash_regions[0].available_bytes == 815_104


def test_boards_whose_contiguity_nobody_states_offer_no_window():
    assert {name for name in COPIED if not board(name).sram_windows()} == NO_KNOWN_WINDOW


def test_windows_come_internal_first_and_largest_first():
    windows = board("stm32f746g-disco").sram_windows()
    assert [window.kind for window in windows] == ["sram", "sdram"]
    assert windows[0].regions == ("DTCM", "SRAM1", "SRAM2")
    assert windows[0].start == 0x20000000
    sizes = [window.available_bytes for window in internal(board("nucleo-h743zi2"))]
    assert sizes == [512 * 1024, 288 * 1024, 128 * 1024, 64 * 1024]


def test_an_arena_is_never_offered_code_backup_or_another_cores_memory():
    for item in boards():
        offered = {name for window in item.sram_windows() for name in window.regions}
        kinds = ("itcm", "backup", "npu", "serial_sram", "flash", "external_flash")
        assert not offered & {region.name for region in item.regions if region.kind in kinds}
    assert "NET RAM" not in {name for window in board("nrf5340dk").sram_windows() for name in window.regions}


def test_internal_ram_adds_up():
    # Totals of the chips' documents: SRAM, TCM and CCM without backup RAM [byte].
    totals = {"stm32f407g-disc1": 196608, "nucleo-h743zi2": 1081344, "nucleo-u575zi-q": 802816, "esp-eye": 532480,
              "frdm-mcxn947": 524288, "nucleo-h7a3zi-q": 1409024, "nrf5340dk": 589824}  # fmt: skip
    for name, total in totals.items():
        kinds = ("sram", "dtcm", "itcm", "tcm", "ccm")
        assert sum(region.total_bytes for region in board(name).regions if region.kind in kinds) == total


def test_unknown_run_current_is_unknown():
    assert {name for name in COPIED if board(name).run_current is None} == NO_RUN_CURRENT
    pico = board("raspberry-pi-pico-w")
    assert (pico.run_current, pico.run_clock_hz, pico.run_series()) == (None, None, ())
    assert pico.theta_ja is None


def test_f407_run_points_are_those_of_st():
    # ST PCC consumption_die_413: 40 mA at 168 MHz, 31@144, 26@120, 20@90, 14@60, ART on, peripherals off.
    disco = board("stm32f407g-disc1")
    series = [(point.current.value, point.clock.value) for point in disco.run_series()]
    assert series == [(0.014, 60e6), (0.02, 90e6), (0.026, 120e6), (0.031, 144e6), (0.04, 168e6)]
    assert (disco.run_current.value, disco.run_clock_hz, disco.run_supply_v) == (0.04, 168e6, 3.3)
    busy = [point for point in disco.run_points if point.peripherals_on]
    assert [(point.current.value, point.current.kind) for point in busy] == [(0.087, "assumed")]


def test_a_board_that_runs_from_its_converter_is_priced_so():
    # Chips whose own SMPS the board uses (ST's order codes with Q, the H7S7, and a board wired for it).
    own = ("nucleo-h7a3zi-q", "nucleo-u575zi-q", "nucleo-u385rg-q", "stm32h573i-dk")
    for name in (*own, "stm32h7s78-dk", "stm32h747i-disco"):
        assert board(name).run_points[0].regulator == "smps", name
    for name in ("nucleo-h7a3zi-q", "stm32h747i-disco"):  # modelled from a row behind the LDO
        point = board(name).run_points[0]
        assert point.current.low < point.current.value < point.current.high
        assert board(name).clock_hz == point.clock.value, "as wired"


def test_a_board_as_sold_draws_more_than_its_chip_or_as_much_and_says_so_of_the_same_sleep():
    sold = {item.id: item for item in boards() if item.as_sold}
    assert len(sold) >= 12
    for name, item in sold.items():
        assert item.current_scope == "mcu", name
        asleep, chip = item.as_sold.sleep_current, getattr(item, f"{item.as_sold.mode}_current")
        assert chip is not None, f"{name}: nothing to subtract in {item.as_sold.mode}"
        assert asleep is None or asleep.ends[1] > 0.8 * chip.value, name
        for fact in (item.as_sold.sleep_current, item.as_sold.idle_current):
            assert fact is None or fact.documented, name
    nano, proto = sold["arduino-nano-33-ble-sense"], sold["cy8cproto-062-4343w"]
    assert nano.as_sold.asleep == nano.as_sold.idle_current
    assert nano.as_sold.asleep.ends == (0.016, 0.018)
    assert rest_of_board(nano).current_a.value == pytest.approx(0.016 - 3.16e-6)
    assert rest_of_board(proto).current_a.value == pytest.approx(350e-6 - 28e-6)
    assert "R24" in proto.as_sold.cut
    clone = sold["esp32-devkitc-v4"]  # read in deep-sleep: less the chip in STANDBY, not in STOP
    assert rest_of_board(clone).current_a.value == pytest.approx(0.01138 - 10e-6)
    assert rest_of_board(sold["raspberry-pi-pico-2"]).current_a.value == 0, "read below the chip's own table"


def test_standby_is_left_in_the_time_that_documents_give():
    left = {item.id: item.standby_wakeup.value for item in boards() if item.standby_wakeup}
    assert len(left) >= 13
    assert left["nucleo-l4r5zi"] == pytest.approx(30.7e-6)
    assert left["nucleo-f411re"] == pytest.approx(314e-6)
    assert left["esp32-devkitc-v4"] == pytest.approx(0.07)
    for item in boards():
        if item.standby_wakeup:
            assert item.standby_current is not None, item.id
            assert item.standby_wakeup.documented, item.id
            assert item.wakeup_time is None or item.wakeup_time.value < item.standby_wakeup.value, item.id


def test_current_grows_with_clock_inside_a_series():
    for item in boards():
        currents = [point.current.value for point in item.run_series()]
        assert currents == sorted(currents), item.id


def test_whole_board_currents_say_so():
    whole = {name for name in COPIED if board(name).current_scope == "board"}
    assert whole == {"raspberry-pi-pico", "teensy41", "mimxrt1060-evk", "stm32n6570-dk", "grove-vision-ai-v2"}
    assert board("teensy41").run_supply_v == 5.0


def test_low_power_and_heat_figures():
    l4r5 = board("nucleo-l4r5zi")
    assert l4r5.stop_current.value == pytest.approx(2.55e-6, rel=1e-12)
    assert "STOP2" in l4r5.stop_current.conditions
    assert l4r5.wakeup_time.value == pytest.approx(13.1e-6, rel=1e-12)
    assert (l4r5.theta_ja.value, l4r5.theta_ja.unit) == (32, "K/W")
    assert l4r5.ml_power[0].low.kind == "measured"
    assert [power.low.value for power in l4r5.ml_power] == [0.035, 0.070]


def test_every_theta_ja_states_its_package_and_board():
    for item in boards():
        if item.theta_ja:
            assert item.package in item.theta_ja.conditions
            assert "JE" in item.theta_ja.conditions


def test_placeholder_thermal_tables_are_left_out():
    assert all(board(name).theta_ja is None for name in ("stm32h7s78-dk", "nucleo-h563zi", "stm32h573i-dk"))


def test_cores_are_named_as_arm_names_them():
    for item in boards():
        for core in item.cores:
            assert core.name in ARM_CORES | OTHER_CORES or core.name.startswith("riscv-"), item.id
        assert item.clock_hz, item.id
    mains = {"stm32h747i-disco": ("cortex-m7", 400e6), "raspberry-pi-pico-2": ("cortex-m33", 150e6),
             "alif-ensemble-e7-devkit": ("cortex-m55", 400e6), "esp-eye": ("xtensa-lx6", 240e6)}  # fmt: skip
    assert {name: (board(name).core, board(name).clock_hz) for name in mains} == mains
    assert board("ek-ra8m1").cores[0].mve is True
    assert board("nucleo-wl55jc").cores[0].fpu is False
    assert board("syntiant-ndp9120").cores[0].dsp is None


def test_clocks_are_those_a_chip_has_and_else_twelve_steps():
    megahertz = {name: tuple(clock / 1e6 for clock in board(name).list_clocks()) for name in COPIED}
    assert {name: megahertz[name] for name in ("nrf52840dk", "nrf5340dk", "sparkfun-edge", "apollo510-evb")} == {
        "nrf52840dk": (64,), "nrf5340dk": (64, 128), "sparkfun-edge": (48, 96), "apollo510-evb": (96, 250),
    }  # fmt: skip
    assert megahertz["nucleo-l4r5zi"] == tuple(range(10, 121, 10))
    assert [clock / 1e6 for clock in board("esp32-h2-devkitm-1").list_clocks()] == [32, 48, 64, 96]
    for item in boards():
        listed = item.list_clocks()
        assert listed[-1] == item.clock_hz, item.id
        assert list(listed) == sorted(set(listed)), item.id
    clockless = dataclasses.replace(board("nrf54l15dk"), cores=(Core("cortex-m33"),))
    assert clockless.list_clocks() == ()
    assert "cores.0.clocks.0" in board("nrf52840dk").facts()


def test_every_fact_has_a_source_a_kind_and_si_units():
    for item in boards():
        facts = item.facts()
        assert {fact.kind for fact in facts.values()} <= set(BASES)
        assert {fact.unit for fact in facts.values()} <= {"A", "Hz", "V", "W", "s", "byte", "degC", "K/W", "1"}
        assert set(item.sources()) == {fact.source for fact in facts.values() if fact.documented}
        assert all("[B]" not in fact.conditions and "[C" not in fact.conditions for fact in facts.values())
    assert "regions.CCM.total" in board("stm32f407g-disc1").facts()
    assert "run_points.0.current" in board("stm32f407g-disc1").facts()


def test_what_no_document_was_read_for_is_no_reference():
    named = {source for one in boards() for source in one.sources()}
    assert not any("no document read" in source or "(not read)" in source for source in named)
    assert board("corstone-300").sources() == ()
    assert "Raspberry Pi Pico Datasheet" in board("raspberry-pi-pico").sources()


def test_a_window_is_no_better_known_than_its_worst_region():
    assert internal(board("nucleo-l4r5zi"))[0].basis == "datasheet"
    assert internal(board("corstone-300"))[0].basis == "assumed"


def test_boards_that_run_from_external_flash():
    for name in ("raspberry-pi-pico", "esp32-s3-devkitc-1", "teensy41", "mimxrt1060-evk", "stm32n6570-dk"):
        assert board(name).flash_regions[0].kind == "external_flash"
        assert board(name).flash_regions[0].xip is True
    kinds = [region.kind for region in board("stm32h7s78-dk").flash_regions]
    assert kinds == ["flash", "external_flash"]


def test_boards_cannot_be_changed():
    disco = board("stm32f407g-disc1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        disco.vendor = "someone"
    with pytest.raises(dataclasses.FrozenInstanceError):
        disco.regions[0].kind = "flash"
    assert isinstance(disco.regions, tuple)
    with pytest.raises(TypeError):
        boards()[0] = disco


@pytest.mark.parametrize("name", ["nucleo-l4r5z", "Nucleo_L4R5ZI", "nucleo l4r5zi"])
def test_a_misspelt_board_names_the_nearest(name):
    said = rf"not one of the {len(boards())} in the catalogue\n.*nucleo-l4r5zi"
    with pytest.raises(UnknownBoardError, match=said) as caught:
        board(name)
    assert isinstance(caught.value, LookupError)
    assert str(caught.value).count("\n") == 2


@pytest.mark.parametrize("name", ["", "../boards/teensy41", "<script>alert(1)</script>", None, 7])
def test_a_hostile_name_is_only_unknown(name):
    with pytest.raises(UnknownBoardError, match="catalogue"):
        board(name)


def test_an_empty_installation_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "shipped_path", lambda *parts: tmp_path)
    catalogue._ids.cache_clear()
    try:
        with pytest.raises(FactError, match="no board files in"):
            catalogue._ids()
    finally:
        catalogue._ids.cache_clear()


def test_the_catalogue_loads_light():
    code = (
        "import sys; from tinykit.target.boards import boards; boards();"
        "print([m for m in ('tensorflow', 'numpy', 'matplotlib', 'ipywidgets') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- a board of one's own ------------------------------------------------------------------------


def test_the_documented_example_is_a_board(write):
    mine = read_board(write(documented_board()))
    assert (mine.id, mine.core, mine.clock_hz) == ("my-board", "cortex-m4", 80e6)
    assert mine.sram_windows()[0].name == "SRAM1-2"
    assert mine.run_current.source == "STM32L432KC datasheet DS11451"
    assert mine.run_supply_v is None
    assert mine.sources() == ("STM32L432KC datasheet DS11451",)


def test_every_catalogue_file_reads_as_a_users_file(write):
    for item in boards():
        text = catalogue.shipped_path("data", "boards", f"{item.id}.toml").read_text(encoding="utf-8")
        assert read_board(str(write(text))) == item


def test_without_a_sources_table_the_source_is_the_text(write):
    text = documented_board().replace('ds = "STM32L432KC datasheet DS11451"', "").replace("[sources]", "")
    text = text.replace('source = "ds"', 'source = "my bench, 2026"')
    assert read_board(write(text)).sources() == ("my bench, 2026",)


def test_a_trial_needs_value_and_unit_only(write):
    text = documented_board().replace(', kind = "datasheet", source = "ds"', "")
    for body in (text, text.replace("[sources]", "").replace('ds = "STM32L432KC datasheet DS11451"', "")):
        mine = read_board(write(body.replace(', kind = "measured", source = "ds"', "")))
        assert {fact.kind for fact in mine.facts().values()} == {"given"}
        assert mine.run_current.source == "given by the user in mine.toml: run_points[0].current"
        assert mine.sources() == ()
    assert mine.sram_windows()[0].basis == "given"


def test_odd_text_stays_text(write):
    text = documented_board().replace('"My board rev B"', '"<script>alert(1)</script> \\u0000 µ"')
    assert read_board(write(text)).name == "<script>alert(1)</script> \x00 µ"


FACT = '{value = 80e6, unit = "Hz", kind = "datasheet", source = "ds"}'
TOTAL = '{value = 49152, unit = "byte", kind = "datasheet", source = "ds"}'


def second_region(name: str, start: str) -> str:
    return (
        f'{TOTAL}\n[[regions]]\nname = "{name}"\nkind = "sram"\nstart = {start}\nwindow = "SRAM1-2"\ntotal = {TOTAL}\n'
    )


BROKEN = [
    ('id = "my-board"', 'id = "My Board"', r"mine\.toml\.id: 'My Board' given\nallowed: small letters"),
    ('id = "my-board"', "", r"mine\.toml\.id: None given, a text"),
    ('vendor = "Me"', 'vendor = ""', r"vendor: '' given"),
    ('mcu = "STM32L432KC"', "mcu = 7", r"mcu: 7 given"),
    ('mcu = "STM32L432KC"', 'mcu = "x"\nsuply_min = 3', r"key 'suply_min' is not known\nnearest: supply_min"),
    ('current_scope = "mcu"', 'current_scope = "all"', r"'all' is not known\nallowed: mcu, board"),
    ("dsp = true", "dsp = 1", r"cores\[0\]\.dsp: 1 is not true or false"),
    ("dsp = true", "neon = true", r"cores\[0\]: key 'neon' is not known"),
    ('name = "cortex-m4"', 'name = "cortex-m4f"', r"core 'cortex-m4f' is not known\nnearest: cortex-m4"),
    ('name = "cortex-m4"', 'name = "Cortex-M4"', r"core 'Cortex-M4' is not known\nnearest: cortex-m4.*xtensa-"),
    ('name = "cortex-m4"', 'name = "z80"', r"core 'z80' is not known\nallowed: cortex-m0, "),
    (f"clock = {FACT}", f"clock = {FACT}".replace("80e6", "800e6"),
     r"run_points\[0\]\.clock: 8e\+08 Hz given, but cortex-m4 runs at 8e\+07 Hz at most\ncorrect either"),
    ("dsp = true", "clocks = 7", r"cores\[0\]\.clocks: 7 given; write a list of"),
    ("dsp = true", "clocks = [7]", r"cores\[0\]\.clocks\[0\]: 7 is a bare figure"),
    ("dsp = true", f"clocks = [{FACT}, {FACT}]", r"cores\[0\]\.clocks: 8e\+07, 8e\+07 must rise"),
    ("dsp = true", "count = 0", r"count: 0 is not a whole number from 1"),
    ('kind = "sram"', 'kind = "srm"', r"regions\[0\]\.kind: 'srm' is not known\nallowed: sram"),
    ('kind = "sram"', 'kind = "flash"', r"kind 'flash' cannot hold an arena"),
    ("start = 0x20000000", 'start = "0x20000000"', r"start: '0x20000000' is not a whole number"),
    ("start = 0x20000000", "start = -4", r"start: -4 is not a whole number"),
    ("start = 0x20000000", "start = true", r"start: True is not a whole number"),
    (f"total = {TOTAL}", "", r"regions\[0\]: no 'total'"),
    (TOTAL, "49152", r"total: 49152 is a bare figure"),
    (TOTAL, TOTAL.replace("49152", '"48K"'), r"value '48K' is not a number"),
    (TOTAL, TOTAL.replace("49152", "true"), r"total: .*not a finite number"),
    (TOTAL, TOTAL.replace("49152", "-1"), r"value -1 byte is absurd\nallowed: 1 to"),
    (TOTAL, TOTAL.replace("49152", "0"), r"value 0 byte is absurd"),
    (TOTAL, TOTAL.replace("49152", "1.5"), r"value 1\.5 byte is not a whole number"),
    (TOTAL, TOTAL.replace("49152", "nan"), r"value nan byte is absurd"),
    (TOTAL, TOTAL.replace("49152", "1" + "0" * 400), r"value a huge number byte is absurd"),
    (TOTAL, TOTAL.replace("49152", "1" + "0" * 5000), r"not a TOML file that can be taken"),
    (TOTAL, "[" * 5000 + "]" * 5000, r"not a TOML file that can be taken"),
    (TOTAL, TOTAL.replace("}", ", low = 0}"), r"low 0 byte is absurd"),
    (TOTAL, TOTAL.replace("}", ", high = 1}"), r"has the range 49152 to 1; give low <= value <= high"),
    (TOTAL, TOTAL.replace("byte", "KiB"), r"unit 'KiB' given\nallowed: 'byte'"),
    (TOTAL, TOTAL.replace('"datasheet"', '"guess"'), r"kind 'guess'; allowed"),
    (TOTAL, TOTAL.replace('"ds"', '"dss"'), r"source 'dss' is not a key of \[sources\]\nnearest: ds"),
    (TOTAL, TOTAL.replace(', source = "ds"', ""), r"source None is not a key"),
    (TOTAL, TOTAL.replace("}", ", note = 1}"), r"unknown \['note'\]"),
    (TOTAL, TOTAL + "\nreserved = " + TOTAL, r"reserved: 49152 of 49152 byte leaves nothing"),
    (TOTAL, second_region("SRAM1", "0x2000C000"), r"share a name"),
    (TOTAL, second_region("SRAM2", "0x20010000"), r"at 0x20010000, but 'SRAM1' .* 0x2000c000"),
    (f"clock = {FACT}", "", r"run_points\[0\]: no 'clock'"),
    (f"clock = {FACT}", f'clock = {FACT}\nregulator = "buck"', r"regulator: 'buck' is not known\nallowed: ldo, smps"),
    (f"clock = {FACT}", f"clock = {FACT}\nspeed = 1", r"run_points\[0\]: key 'speed'"),
    ("value = 10e-3", "value = 10", r"value 10 A is absurd"),
    ("[[run_points]]", "[run_points]", r"run_points: .* write one \[\[run_points\]\] table an entry"),
    ("[[cores]]", "[[core]]", r"key 'core' is not known\nnearest: cores"),
    ('mode = "stop"', 'mode = "idle"', r"as_sold\.mode: 'idle' is not known\nallowed: stop, standby"),
    ('ds = "STM32L432KC datasheet DS11451"', "ds = 1", r"sources: \{'ds': 1\} given"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BROKEN)
def test_a_broken_file_says_file_key_value_and_what_is_allowed(write, old, new, message):
    text = documented_board()
    assert old in text
    with pytest.raises(FactError, match=message) as caught:
        read_board(write(text.replace(old, new, 1)))
    assert "mine.toml" in str(caught.value)
    assert str(caught.value).count("\n") <= 2


def test_a_board_needs_cores_and_one_main_core(write):
    head = 'id = "x"\nname = "x"\nvendor = "x"\nmcu = "x"\n'
    with pytest.raises(FactError, match=r"no \[\[cores\]\]"):
        read_board(write(head))
    with pytest.raises(FactError, match=r"0 of 2 cores are main"):
        read_board(write(head + '[[cores]]\nname = "cortex-m7"\n[[cores]]\nname = "cortex-m4"\n'))
    both = head + '[[cores]]\nname = "cortex-m4"\n[[cores]]\nname = "cortex-m7"\nmain = true\n'
    assert read_board(write(both)).core == "cortex-m7"
    assert read_board(write(both)).clock_hz is None


def test_supplies_and_powers_must_rise(write):
    head = 'id = "x"\nname = "x"\nvendor = "x"\nmcu = "x"\n'
    volt = '{{value = {}, unit = "V", kind = "measured", source = "bench"}}'
    watt = '{{value = {}, unit = "W", kind = "measured", source = "bench"}}'
    core = '[[cores]]\nname = "cortex-m4"\n'
    with pytest.raises(FactError, match=r"are \[3\.6, 1\.8\] V; they must rise"):
        read_board(write(f"{head}supply_min = {volt.format(3.6)}\nsupply_max = {volt.format(1.8)}\n{core}"))
    with pytest.raises(FactError, match=r"ml_power\[0\]: low 0\.03 W is above high 0\.02 W"):
        read_board(write(f"{head}{core}[[ml_power]]\nlow = {watt.format(0.03)}\nhigh = {watt.format(0.02)}\n"))


def test_a_file_that_is_no_file(tmp_path, write):
    with pytest.raises(FactError, match="cannot be read"):
        read_board(tmp_path / "absent.toml")
    with pytest.raises(FactError, match="cannot be read"):
        read_board(tmp_path)
    with pytest.raises(FactError, match="not valid TOML"):
        read_board(write("id = "))


def test_every_door_takes_a_board_or_its_id_and_nothing_else():
    l4r5 = board("nucleo-l4r5zi")
    assert find_board(l4r5) is l4r5
    assert find_board("nucleo-l4r5zi") is l4r5
    with pytest.raises(ParameterError, match="give a catalogue id"):
        find_board(None)


def test_a_core_names_its_family_by_its_extensions_or_by_its_name():
    by_name = {name: core_family(name) for name in sorted(ARM_CORES | OTHER_CORES)}
    assert {name for name, family in by_name.items() if family == "dsp"} == {"cortex-m4", "cortex-m7", "cortex-m33"}
    assert {name for name, family in by_name.items() if family == "mve"} == {"cortex-m55", "cortex-m85"}
    assert set(by_name.values()) == set(CORE_FAMILIES)
    for item in boards():
        assert item.cores[0].family == core_family(item.core), item.id
    assert Core("cortex-m33", dsp=False, mve=False).family == "plain"
    assert Core("cortex-m55", dsp=True, mve=False).family == "dsp"
    assert Core("cortex-m55").family == "mve"
    assert Core("xtensa-lx7", dsp=True, mve=False).family == "plain"
