"""readback: reports of ST's tools of every version, what is no report, whose model they are of, and that they win."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import replace

import pytest

import tinykit as tk
from tests.models import Net, small_cnn
from tests.st_reports import BUILDS, VERSIONS, Said, c_graph_json, c_info, files, old_report, write, write_npu
from tinykit.ground.errors import DataError
from tinykit.handover.readback.matching import hold_beside, keep_report, match_report
from tinykit.handover.readback.report import read_report, read_reports
from tinykit.model.graph.reading import read
from tinykit.model.readings import list_readings, name_damaged
from tinykit.predict.latency.effects import version_number
from tinykit.predict.st_memory import predict_st_memory, weight_bytes
from tinykit.show.cli.program import main
from tinykit.target.boards import find_board

RUNTIME = (11_376, 739, 1_832, 116)


pytestmark = pytest.mark.usefixtures("tinykit_workspace")


def read_back(tmp_path, text: str | bytes, name: str = "network_generate_report.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_report(path)


def plain(report) -> dict[str, float]:
    return {name: one.value for name, one in report.figures.items()}


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


def said_of(graph, **changes) -> Said:
    known = {"md5": hashlib.md5(graph.data).hexdigest(), "macc": graph.macs + 500, "weights": weight_bytes(graph)}
    return Said(**{**known, **changes})


class TestVersions:
    """Every version and every kind of file gives the same figures: those that stand in it."""

    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_kind_of_file_of_a_version_gives_its_figures(self, tmp_path, version):
        io = (512, 10) if VERSIONS.index(version) < 5 else (0, 0)
        said = Said(version=version, io=io, runtime=RUNTIME)
        for name, text in files(said).items():
            report = read_back(tmp_path, text, name)
            found = plain(report)
            assert report.version == version, name
            assert report.tool == ("ST Edge AI Core" if int(version[0]) < 5 else "STM32Cube.AI"), name
            assert (report.model_name, report.model_hash) == ("kettle", said.md5), name
            told = {
                "macc": said.macc,
                "weights_bytes": said.weights,
                "activations_bytes": said.activations,
                "io_bytes": sum(io),
                "ram_bytes": said.activations + sum(io),
            }
            assert told.items() <= found.items(), name
            if name.endswith(".txt"):
                assert (found["runtime_flash_bytes"], found["runtime_ram_bytes"]) == (
                    sum(RUNTIME[:3]),
                    sum(RUNTIME[2:]),
                )
            else:
                assert "runtime_flash_bytes" not in found

    def test_versions_stand_in_the_order_of_their_builds(self, tmp_path):
        for version in VERSIONS:
            (tmp_path / version).mkdir()
            (tmp_path / version / "network_generate_report.txt").write_text(write(Said(version=version)))
        reports, refused = read_reports(tmp_path)
        assert [one.version for one in reports] == list(VERSIONS)
        assert refused == {}
        builds = [int(build) for build in BUILDS.values() if build.isdigit()]
        assert builds == sorted(builds)
        assert sorted(VERSIONS, key=version_number) == list(VERSIONS)

    def test_activations_of_old_versions_exclude_inputs_and_outputs(self, tmp_path):
        old = read_back(tmp_path, write(Said(version="5.2.0", io=(288, 20))))
        new = read_back(tmp_path, write(Said(version="8.1.0")))
        assert old.figures["ram_bytes"].value == old.figures["activations_bytes"].value + 308
        assert any("outside the activations: 308 bytes more" in note for note in old.notes)
        assert new.figures["ram_bytes"].value == new.figures["activations_bytes"].value

    def test_an_npu_report_has_another_grammar_no_hash_and_no_prediction(self, tmp_path):
        said = Said(version="3.0.0", name="pot", weights=212_609, activations=245_760)
        report = read_back(tmp_path, write_npu(said))
        weights, activations = report.figures["weights_bytes"], report.figures["activations_bytes"]
        assert weights.low <= said.weights <= weights.high
        assert weights.high - weights.low < 2
        assert activations.low <= said.activations <= activations.high
        assert (report.figures["macc"].value, report.model_name, report.model_hash) == (said.macc, "pot", "")
        assert report.runtime == ""

    @pytest.mark.parametrize("name", ["network_validate_report.txt", "network_c_info.json"])
    def test_cycles_of_each_node_on_a_board(self, tmp_path, name):
        said = Said(version="2.2.0", device="0x450 - STM32H743/53/50xx", cycles=960_000)
        text = write(said, "validate") if name.endswith(".txt") else json.dumps(c_info(said))
        report = read_back(tmp_path, text, name)
        assert [node["cycles"] for node in report.nodes] == [720_000, 240_000]
        assert report.figures["cycles"].value == 960_000
        assert report.figures["latency_s"].value == pytest.approx(2e-3)
        assert (report.figures["latency_s"].basis, report.clock_hz) == ("measured", 480e6)
        assert "STM32H743" in report.device

    def test_times_of_a_host_are_no_measurement(self, tmp_path):
        report = read_back(tmp_path, json.dumps(c_info(Said(version="2.2.0"))), "k_c_info.json")
        assert not {"latency_s", "cycles"} & report.figures.keys()
        text = write(Said(version="2.2.0")) + "\n  duration       :   0.018 ms by sample (0.014/0.021/0.002)\n"
        report = read_back(tmp_path, text)
        assert "latency_s" not in report.figures
        assert "times of the host are left out: they are no board's" in report.notes

    @pytest.mark.parametrize("flash", [None, 0])
    def test_null_and_0_are_unknown(self, tmp_path, flash):
        document = c_info(Said(version="4.0.0"), kernel_flash=flash, kernel_ram=flash, toolchain_flash=120)
        assert (
            not {"runtime_flash_bytes", "runtime_ram_bytes"}
            & read_back(tmp_path, json.dumps(document), "c_info.json").figures.keys()
        )

    def test_kernels_and_toolchain_are_the_runtime(self, tmp_path):
        document = c_info(Said(version="2.0.0"), kernel_flash=30_000, kernel_ram=2_000, toolchain_flash=700)
        found = plain(read_back(tmp_path, json.dumps(document), "c_info.json"))
        assert (found["runtime_flash_bytes"], found["runtime_ram_bytes"]) == (30_700, 2_000)

    def test_nodes_of_an_npu_have_neither_macc_nor_description(self, tmp_path):
        document = c_info(Said(version="3.0.0"))
        document["graphs"] = [{"nodes": [{"name": "Conv2D_8"}, {"name": "Add_34"}]}]
        document["environment"]["tools"][0]["arguments"] = "generate --target stm32n6 --st-neural-art"
        report = read_back(tmp_path, json.dumps(document), "c_info.json")
        assert "macc" not in report.figures
        assert [node["macc"] for node in report.nodes] == [None, None]
        assert report.runtime == ""

    def test_line_ends_byte_order_marks_and_paths_of_windows_change_nothing(self, tmp_path):
        text = write(Said())
        expected = plain(read_back(tmp_path, text))
        for data in (
            text.replace("\n", "\r\n").encode("utf-8-sig"),
            text.encode("utf-16"),
            text.replace("\n", "\r").encode(),
        ):
            assert plain(read_back(tmp_path, data)) == expected
        assert read_back(tmp_path, text.replace("model_name", "other_name")).model_name == "kettle"

    def test_without_a_total_kernels_network_and_toolchain_are_added(self, tmp_path):
        text = "\n".join(line for line in write(Said(runtime=RUNTIME)).splitlines() if "RT total" not in line)
        assert plain(read_back(tmp_path, text))["runtime_flash_bytes"] == sum(RUNTIME[:3])


MERGED = "<<<<<<< HEAD\n" + write(Said()) + "=======\n" + write(Said(macc=1)) + ">>>>>>> 1460700 (com)\n"
BAD = {
    "merge marks": (MERGED, "merge marks"),
    "merged JSON": ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> a\n", "merge marks"),
    "cut before the weights": (write(Said()).partition("weights (ro)")[0], "no line of weights: it is cut"),
    "cut in a number": (write(Said()).partition("45,678")[0] + "45,6", "no whole number|no line of"),
    "cut in the sum": (write(Said(io=(512, 10))).partition("+ 10")[0], "does not add up"),
    "points for commas": (write(Said()).replace("45,678", "45.678"), "'45.678.*no whole number"),
    "hardly a number": (write(Said()).replace("1,234,567", "1234567890123456789012"), "no whole number"),
    "from the future": (write(Said()).replace("8.1.0-19520", "9.9.9-99999"), "newer than those"),
    "a newer tool": (
        write(Said(version="4.0.0")).replace("4.0.0-20500", "5.1.0-21000").replace("5.1.0", "4.3.0"),
        "newer than those",
    ),
    "an older tool": (write(Said(version="5.2.0")).replace("v5.2.0", "v4.1.0"), "older than those"),
    "no version": (write(Said()).replace("8.1.0-19520", "").replace("v1.7.0", ""), "names no tool of ST"),
    "another text": ("a list\nof things\n", "names no tool of ST"),
    "nothing": ("", "names no tool of ST"),
    "cut JSON": (json.dumps(c_info(Said(version="2.2.0")))[:-40], "no JSON that can be read"),
    "JSON of another kind": ('{"layers": []}', "a JSON of another kind"),
    "a list": ("[1, 2]", "a JSON of another kind"),
    "JSON without a version": (json.dumps({"memory_footprint": {"weights": 1}}), "has no version"),
    "JSON of no figures": (
        json.dumps(c_info(Said(version="2.2.0"), weights=None, activations=None) | {"graphs": []}),
        "none of its figures",
    ),
    "JSON without end": ("[" * 100_000, "no JSON that can be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_report_says_why(tmp_path, case):
    text, told = BAD[case]
    with pytest.raises(DataError, match=told) as raised:
        read_back(tmp_path, text)
    assert str(tmp_path) in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3


NINES = "9" * 400


@pytest.mark.parametrize(
    ("text", "pattern", "long"),
    [
        (write_npu(Said(version="3.0.0")), r"(?m)weights:( *)[\d.]+( *\w?B.*)$", rf"weights:\g<1>{NINES}.5\g<2>"),
        (write(Said(device="STM32F4", cycles=9), "validate"), r"@ *\d+", f"@{NINES}"),
        (write(Said(device="STM32F4", cycles=9), "validate"), r"(duration *: *)\d", rf"\g<1>{NINES}"),
    ],
)
def test_numbers_beyond_measure(tmp_path, text, pattern, long):
    """Found by hostile files: a number that no float holds is not read as one."""
    longer = re.sub(pattern, long, text)
    assert longer != text
    with contextlib.suppress(DataError):
        json.dumps(read_back(tmp_path, longer).to_json(), allow_nan=False)


def test_a_report_that_is_not_there_or_no_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_report(tmp_path / "none.txt")
    with pytest.raises(DataError, match="folder, pipe or device"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    "line", ["x " * 200_000, " " * 400_000, "1 " * 200_000, "c_id time " + "9 1.5 " * 60_000, "@" * 300_000]
)
def test_hostile_lines_take_no_time(tmp_path, line):
    started = time.perf_counter()
    text = (
        write(Said(runtime=RUNTIME, device="STM32F4", cycles=9))
        + f"\n{line}\n Requested memory size by section\n{line}\nc_id ms\n---\n{line}\n"
    )
    read_back(tmp_path, text)
    assert time.perf_counter() - started < 5


def test_a_folder_lists_what_it_cannot_read(tmp_path, capsys):
    (tmp_path / "a_generate_report.txt").write_text(write(Said()))
    (tmp_path / "b_generate_report.txt").write_text(MERGED)
    (tmp_path / "notes.txt").write_text("no report")
    assert main(["readback", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "8.1.0-19520" in told
    assert "1 reports" in told
    assert "b_generate_report.txt: holds merge marks" in told
    assert main(["readback", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["reports"]) == len(document["refused"]) == 1


class TestMatching:
    """A report belongs to a model by the MD5 of its file, or it is not said to."""

    @pytest.mark.parametrize("version", ["5.2.0", "8.1.0", "2.2.0"])
    def test_the_hash_proves_it_with_and_without_its_prefix(self, tmp_path, graph, version):
        report = read_back(tmp_path, write(said_of(graph, version=version)))
        assert match_report(report, graph).verdict == "yes"

    def test_of_another_format_the_hash_is_that_of_the_file(self, tmp_path, graph):
        report = read_back(tmp_path, write(said_of(graph, md5=hashlib.md5(b"keras").hexdigest())))
        assert match_report(report, graph, b"keras").verdict == "yes"
        assert match_report(report, graph, b"other").verdict == "no"

    def test_another_hash_refuses_it(self, tmp_path, graph, capsys):
        report = read_back(tmp_path, write(said_of(graph, md5="f" * 32)))
        assert "another model" in match_report(report, graph).reason
        (tmp_path / "m.tflite").write_bytes(graph.data)
        assert main(["readback", report.path, "--model", str(tmp_path / "m.tflite"), "--json"]) == 1
        document = json.loads(capsys.readouterr().out)
        assert (document["matches"], document["kept"]) == ("no", [])

    def test_without_a_hash_nothing_is_proven_but_figures_may_contradict(self, tmp_path, graph):
        text = write(said_of(graph)).replace("model_hash", "model_size")
        found = match_report(read_back(tmp_path, text), graph)
        assert found.verdict == "not proven"
        assert "weights" in found.reason
        assert "macc" in found.reason
        for changes in ({"weights": 10 * weight_bytes(graph)}, {"macc": 100 * graph.macs}):
            text = write(said_of(graph, **changes)).replace("model_hash", "model_size")
            assert match_report(read_back(tmp_path, text), graph).verdict == "no"

    def test_figures_stand_beside_the_prediction_of_their_version(self, tmp_path, graph):
        report = read_back(tmp_path, write(said_of(graph, version="7.3.0", runtime=RUNTIME)))
        rows = {one.figure: one for one in hold_beside(report, graph)}
        assert rows["ram_bytes"].predicted == predict_st_memory(graph, "cortex-m4", "7.3.0").activations
        assert rows["runtime_flash_bytes"].predicted == predict_st_memory(graph, "cortex-m4", "7.3.0").code
        assert rows["activations_bytes"].predicted is None
        assert all(one.predicted is None for one in hold_beside(report, None))


class TestKept:
    """What was read wins over a prediction, for this content, board, runtime and version, and for no other."""

    H743 = "nucleo-h743zi2"

    def keep(self, tmp_path, graph, **changes):
        report = read_back(tmp_path, write(said_of(graph, **{"runtime": RUNTIME, "activations": 4321} | changes)))
        return keep_report(report, graph)

    def ask(self, graph, board=H743, version="8.1.0", **setting):
        return tk.check_fit(graph, board, runtime="x-cube-ai", runtime_version=version, use_engine=False, **setting)

    def test_memory_wins_as_compiled_and_says_what_was_predicted(self, tmp_path, graph):
        before = self.ask(graph)
        kept = self.keep(tmp_path, graph)
        after = self.ask(graph)
        assert {one.figure for one in kept} == {"arena", "weights", "code", "runtime_ram"}
        assert (before.arena_bytes.basis, after.arena_bytes.basis) == ("modelled", "compiled")
        assert (after.arena_bytes.value, after.arena_bytes.low, after.arena_bytes.high) == (4321, 4321, 4321)
        assert "predicted without it" in after.arena_bytes.source
        assert after.flash_bytes.value == weight_bytes(graph) + sum(RUNTIME[:3])
        assert after.flash_bytes.basis == "compiled"
        assert after.regions[0].used_bytes == 4321 + sum(RUNTIME[2:])
        assert after.energy_per_inference_j == before.energy_per_inference_j

    @pytest.mark.parametrize(
        "changes", [{"version": "7.3.0"}, {"board": "nucleo-l4r5zi"}, {"runtime_option": "ram"}, {"version": "2.2"}]
    )
    def test_another_version_series_or_option_is_predicted(self, tmp_path, graph, changes):
        before = self.ask(graph, **changes)
        self.keep(tmp_path, graph)
        assert self.ask(graph, **changes).arena_bytes == before.arena_bytes

    def test_another_model_or_runtime_is_predicted(self, tmp_path, graph):
        self.keep(tmp_path, graph)
        other = read(Net((1, 8, 8, 1)).conv(4).to_bytes())
        assert self.ask(other).arena_bytes.basis == "modelled"
        assert tk.check_fit(graph, self.H743, use_engine=False).arena_bytes.basis == "modelled"

    def test_one_version_may_be_left_out_two_may_not(self, tmp_path, graph):
        self.keep(tmp_path, graph)
        assert self.ask(graph, version=None).arena_bytes.value == 4321
        self.keep(tmp_path, graph, version="7.3.0")
        assert self.ask(graph, version=None).arena_bytes.basis == "modelled"
        assert self.ask(graph, version="7.3").arena_bytes.value == 4321

    def test_a_later_report_of_the_same_case_takes_the_place(self, tmp_path, graph):
        self.keep(tmp_path, graph)
        self.keep(tmp_path, graph, activations=5000)
        assert self.ask(graph).arena_bytes.value == 5000
        assert len(list_readings(graph.sha256)) == 4

    def test_a_latency_wins_on_its_chip_at_its_clock(self, tmp_path, graph):
        said = said_of(graph, device="0x450 - STM32H743/53/50xx", cycles=960_000)
        keep_report(read_back(tmp_path, write(said, "validate")), graph)
        found = self.ask(graph).latency_s
        assert (found.value, found.basis) == (pytest.approx(2e-3), "measured")
        assert self.ask(graph, clock_hz=400e6).latency_s.basis != "measured"
        assert self.ask(graph, board="nucleo-h723zg").latency_s.basis != "measured"

    def test_a_named_board_keeps_it_for_itself(self, tmp_path, graph):
        report = read_back(tmp_path, write(said_of(graph, activations=4321)))
        keep_report(report, graph, find_board("nucleo-f446re"))
        assert self.ask(graph, board="nucleo-f446re").arena_bytes.value == 4321
        assert self.ask(graph).arena_bytes.basis == "modelled"

    def test_what_an_npu_takes_is_not_kept(self, tmp_path, graph):
        report = replace(read_back(tmp_path, write_npu(said_of(graph, version="3.0.0"))), model_hash="")
        assert keep_report(report, graph) == ()

    @pytest.mark.parametrize(
        ("old", "new", "fault", "left"),
        [
            ('figure = "arena"', "figure = 7", "1 of 4 cannot be read", 3),
            ('figure = "arena"', 'figure = "arenas"', "1 of 4 cannot be read", 3),
            ('figure = "arena"', 'figure = "latency"', "1 of 4 cannot be read", 3),
            ("value = 4321", 'value = "much"', "1 of 4 cannot be read", 3),
            ("value = 4321", "value = nan", "1 of 4 cannot be read", 3),
            ("low = 4321", "low = -1", "1 of 4 cannot be read", 3),
            ("low = 4321", "low = [4321]", "1 of 4 cannot be read", 3),
            ('place = "', "place = 3 # ", "4 of 4 cannot be read", 0),
            ("clock_hz = 0.0", "clock_hz = nan", "4 of 4 cannot be read", 0),
            ("clock_hz = 0.0", "clock_hz = 1e999", "4 of 4 cannot be read", 0),
            ("[readings.found]", "[readings.lost]", "4 of 4 cannot be read", 0),
            (None, "readings = 3", "1 of 1 cannot be read", 0),
            (None, "readings = [3, [], {}]", "3 of 3 cannot be read", 0),
            (None, "", "1 of 1 cannot be read", 0),
            (None, "no toml [", "not valid TOML", 0),
            (None, b"\xff\xfe\x00", "cannot be read", 0),
        ],
    )
    def test_what_is_damaged_of_a_store_is_named_and_passed_over(self, tmp_path, graph, old, new, fault, left):
        self.keep(tmp_path, graph)
        path = next((tmp_path / "workspace" / "readings").glob("*.toml"))
        text = path.read_text()
        assert old is None or old in text
        path.write_bytes(new if isinstance(new, bytes) else (text.replace(old, new) if old else new).encode())
        assert len(list_readings(graph.sha256)) == left
        (told,) = name_damaged(graph.sha256)
        assert told.startswith(f"figures read back are passed over: {path}: ")
        assert told.endswith("; `tinykit readback` them again, or delete the file")
        assert fault in told
        found = self.ask(graph)
        assert (found.arena_bytes.basis == "modelled") == (left == 0 or "4321" in (old or "") or "arena" in (old or ""))
        assert told in found.reasons
        assert told in found.unasked

    def test_a_store_that_is_no_file_is_named(self, tmp_path, graph, capsys):
        self.keep(tmp_path, graph)
        path = next((tmp_path / "workspace" / "readings").glob("*.toml"))
        path.unlink()
        assert name_damaged(graph.sha256) == ()
        os.mkfifo(path)
        assert "a folder, pipe or device" in name_damaged(graph.sha256)[0]
        model = tmp_path / "m.tflite"
        model.write_bytes(graph.data)
        assert main(["fit", str(model), "--board", "nucleo-h743zi2"]) == 0
        assert main(["fit", str(model)]) == 0
        assert main(["budget", str(model), "--board", "nucleo-h743zi2", "--battery", "cr2032"]) == 0
        assert capsys.readouterr().out.count(name_damaged(graph.sha256)[0]) == 3

    def test_the_command_says_what_it_kept(self, tmp_path, graph, capsys):
        (tmp_path / "m.tflite").write_bytes(graph.data)
        (tmp_path / "r_report.txt").write_text(
            write(said_of(graph, device="STM32H743xx", cycles=960_000, runtime=RUNTIME), "validate")
        )
        assert (
            main(
                [
                    "readback",
                    str(tmp_path / "r_report.txt"),
                    "--model",
                    str(tmp_path / "m.tflite"),
                    "--board",
                    self.H743,
                ]
            )
            == 0
        )
        told = capsys.readouterr().out
        assert "of this model: yes" in told
        assert "boil_0" in told
        assert "kept, and wins over predictions of this model: weights" in told
        assert {one.place for one in list_readings(graph.sha256)} == {self.H743}


def test_documents_of_one_version_agree(tmp_path):
    said = Said(version="8.1.0")
    report, graph = (
        read_back(tmp_path, json.dumps(make(said)), name)
        for make, name in ((old_report, "n_report.json"), (c_graph_json, "n_c_graph.json"))
    )
    assert plain(report) == plain(graph)
    assert graph.option == "balanced"
