"""Arena, flash and latency of this kit and of mcufit on the models both handle, in one run.

Arena and flash are those of linked firmware, and arenas that devices reported. This kit's flash table holds the
linked sizes of kws, ic and ad. Both tools' latencies were fitted to rows of the two boards, mcufit's to these alone; a
column without the network's own rows stands beside, and the kit's figures are modelled, not the published ones.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bench_arena import DEVICES, RUNTIMES
from tests.bench.peer import Peer, PeerAnswer
from tests.test_arena import LINKED, REFERENCE_NETWORKS
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import read_table
from tinykit.target.boards import boards
from tools.latency.published import read_measured
from tools.latency.scoring import leave_architectures_out

TITLE = "Beside mcufit, on the models both handle"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
_BOARDS = {"esp32": "esp32", "arduino-nano-33-ble-sense": "nano33ble"}
"""The two boards it gives latencies for, as the published rows and as it name them."""
_MODELS = {
    "tflm_person_detect_int8": "person_detect",
    "mlperf_kws01_dscnn_int8": "kws",
    "mlperf_ic01_resnet8_int8": "ic",
    "mlperf_ad01_int8": "ad",
}
_FILES = {"person_detect": "tflm_person_detect_int8.tflite"}
_NOTHING = PeerAnswer(0, 0, {})
Pair = tuple[float, float]


def table() -> list[dict[str, object]]:
    """A row a quantity and target: error of either tool, and how often each is below what was measured."""
    peer = Peer()
    with tempfile.TemporaryDirectory() as folder:
        graphs, answers = {}, {}
        for name, data in _models().items():
            path = Path(folder) / f"{name}.tflite"
            path.write_bytes(data)
            graphs[name], answers[name] = read(path), peer.ask(path)
    rows = [*_arena_rows(graphs, answers), *_flash_rows(graphs, answers), *_latency_rows(graphs, answers)]
    return [*rows, {"quantity": f"mcufit {peer.version}; arena by {peer.method}"}]


def _models() -> dict[str, bytes]:
    made = {name: build().to_bytes() for name, build in REFERENCE_NETWORKS.items()}
    found = {name: SHARED / file for name, file in _FILES.items()}
    return {**made, **{name: path.read_bytes() for name, path in found.items() if path.is_file()}}


def _arena_rows(graphs: dict[str, ModelGraph], answers: dict[str, PeerAnswer]) -> list[dict[str, object]]:
    targets = {
        (runtime, core, "linked firmware"): {name: arenas[place] for name, arenas in LINKED.items()}
        for place, (runtime, core) in enumerate(RUNTIMES)
    }
    rows = []
    for (runtime, core, where), measured in {**targets, **DEVICES}.items():
        ours = [(predict_arena(graphs[name], runtime=runtime, core=core).value, measured[name]) for name in measured]
        theirs = [(answers[name].arena_bytes, measured[name]) for name in measured]
        rows.append(_row("arena", f"{runtime}, {core}, {where}", ours, theirs))
    return rows


def _flash_rows(graphs: dict[str, ModelGraph], answers: dict[str, PeerAnswer]) -> list[dict[str, object]]:
    rows = []
    for row in read_toml(shipped_path("data", "firmware", "linked_sizes.toml"))["sizes"]:
        linked = {"kws": row["kws"], "vww": row["kws"], "ic": row["ic"], "ad": row["ad"]}
        words = {"runtime": row["runtime"], "core": row["core"], "build": row["build"]}
        measured = {name: code + graphs[name].flatbuffer_bytes for name, code in linked.items()}
        ours = [(predict_flash(graphs[name], **words).total.value, total) for name, total in measured.items()]
        theirs = [(answers[name].flash_bytes, total) for name, total in measured.items()]
        rows.append((words, ours, theirs))
    pooled = []
    for runtime in dict.fromkeys(words["runtime"] for words, _, _ in rows):
        for build in dict.fromkeys(words["build"] for words, _, _ in rows):
            same = [one for one in rows if (one[0]["runtime"], one[0]["build"]) == (runtime, build)]
            ours, theirs = ([pair for one in same for pair in one[place]] for place in (1, 2))
            pooled.append(_row("flash", f"{runtime} {build}, {len(same)} cores, linked firmware", ours, theirs))
    return pooled


def _latency_rows(graphs: dict[str, ModelGraph], answers: dict[str, PeerAnswer]) -> list[dict[str, object]]:
    every = read_measured()
    unseen = {id(one.row): math.exp(one.error) for one in leave_architectures_out(every)}
    lines = [(line, row) for line, row in zip(read_table("measured").rows, every, strict=True) if _is_of_both(line)]
    rows = []
    for board, theirs in _BOARDS.items():
        same = [(line, row, _MODELS[line["model"]]) for line, row in lines if line["board"] == board]
        same = [(line, row, name) for line, row, name in same if theirs in answers.get(name, _NOTHING).latency_s]
        ours = [(_predict(graphs[name], line), float(line["latency_s"])) for line, _, name in same]
        others = [(answers[name].latency_s[theirs], float(line["latency_s"])) for line, _, name in same]
        left_out = [(unseen[id(row)], 1.0) for _, row, _ in same if id(row) in unseen]
        if same:
            extra = {"kit, network unseen: median error %": _median(left_out)}
            rows.append(_row("latency", f"{board}, published rows", ours, others) | extra)
    return rows


def _is_of_both(line: dict[str, str]) -> bool:
    """A whole model on the boards and kernels that mcufit was measured on."""
    ours = line["source_repo"].endswith("mcufit-bench") and line["part"] == "all" and line["model"] in _MODELS
    return ours and "ANSI" not in line["stack"]


def _predict(graph: ModelGraph, line: dict[str, str]) -> float:
    board = line["board"] if line["board"] in {one.id for one in boards()} else None
    words = {"runtime": line["runtime"], "board": board, "build": line["build"] or None, "modelled": True}
    return predict_latency(graph, core=line["core"], clock_hz=float(line["clock_hz"]), **words).value


def _row(quantity: str, target: str, ours: Sequence[Pair], theirs: Sequence[Pair]) -> dict[str, object]:
    return {
        "quantity": quantity,
        "target": target,
        "models": len(ours),
        "kit: median error %": _median(ours),
        "worst %": _worst(ours),
        "below": sum(found < measured * 0.9999 for found, measured in ours),
        "mcufit: median error %": _median(theirs),
        "its worst %": _worst(theirs),
        "it below": sum(found < measured * 0.9999 for found, measured in theirs),
    }


def _median(pairs: Sequence[Pair]) -> float | None:
    return round(100 * statistics.median(abs(one / other - 1) for one, other in pairs), 1) if pairs else None


def _worst(pairs: Sequence[Pair]) -> float | None:
    """The error furthest from none, with its sign."""
    return round(100 * max((one / other - 1 for one, other in pairs), key=abs), 1) if pairs else None
