"""Flash by operator: each set of operators left out of the fit in turn, and whole images beside platform and model."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence

from tests.flash_sets import SETS, of_operators
from tinykit.ground.facts import read_toml
from tinykit.predict.flash import ARITHMETIC, predict_flash
from tools.link_operators import CORE, KERNELS, SIZES, add_up, read_parts

TITLE = "Flash: linked sets left out of the table in turn, and totals of a linker with a platform"
Row = dict[str, object]
_NANO, _ESP32 = ("arduino-mbed", "cortex-m4", KERNELS), ("esp-idf", "xtensa-lx6", "tflm-reference")
_PROFILING, _MICROFLOW = "guberti/tvm-arduino-profiling", "matteocarnelos/microflow-rs"
TOTALS = (
    # (platform, core, kernels), what, its set of operators, bytes of its model and of the whole image, source
    (_NANO, "micro_speech", "micro_speech", 18_800, 151_480, _PROFILING),
    (_NANO, "person_detect", "person", 300_568, 441_160, _PROFILING),
    (_ESP32, "sine", "", 2_704, 306_817, _MICROFLOW),
    (_ESP32, "micro_speech", "micro_speech", 18_800, 341_281, _MICROFLOW),
    (_ESP32, "person_detect", "person", 300_568, 642_589, _MICROFLOW),
    (("zephyr", "cortex-m85", KERNELS), "sine", "", 2_704, 64_940, "zephyrproject-rtos/zephyr PR 109247"),
)  # fmt: skip


def leave_sets_out() -> list[tuple[str, float, float]]:
    """Name, bytes linked and bytes said by a table whose shared arithmetic follows from the other sets."""
    table = {one.operator: one for one in read_parts() if one.of == (CORE, KERNELS, "-Os")}
    bare = table | {ARITHMETIC: dataclasses.replace(table[ARITHMETIC], bytes=0)}
    kernels = {name: add_up(bare, names.split()) for name, (_, names) in SETS.items()}
    rest = {name: size - kernels[name] for name, (size, _) in SETS.items()}
    return [
        (name, size, kernels[name] + statistics.median(one for other, one in rest.items() if other != name))
        for name, (size, _) in SETS.items()
    ]


def leave_networks_out() -> list[tuple[tuple[str, str, str], float]]:
    """Core, kernel set and build, and the relative error on each of its networks, scaled by the other two alone."""
    table, found = read_toml(SIZES), []
    parts = read_parts()
    for row in table["sizes"]:
        of = (row["core"], row["runtime"], row["build"])
        own = {one.operator: one for one in parts if one.of == of}
        said = {name: add_up(own, names) for name, names in table["networks"].items()}
        for name, nbytes in said.items():
            scale = statistics.fmean(row[other] / said[other] for other in said if other != name)
            found.append((of, scale * nbytes / row[name] - 1))
    return found


def quantile(errors: Iterable[float], level: float) -> float:
    """Of the absolute errors, in per cent."""
    ordered = sorted(map(abs, errors))
    return 100 * ordered[math.ceil(level * len(ordered)) - 1]


def table() -> list[Row]:
    """The sets, the pools of the kit's own links, the images."""
    rows: list[Row] = []
    left = leave_sets_out()
    for name, size, said in left:
        rows.append({"what": name, "where": f"{CORE}, {KERNELS}, -Os", "linked": size, "said": round(said),
                     "error %": round(100 * (said / size - 1), 2)})  # fmt: skip
    rows.append(summarise(f"each of {len(left)} sets left out", "", [said / size - 1 for _, size, said in left]))
    networks = leave_networks_out()
    for of in dict.fromkeys(of for of, _ in networks):
        errors = [one for own, one in networks if own == of]
        rows.append(summarise("each of kws, ic, ad left out", ", ".join(of), errors))
    return rows + [image(*one) for one in TOTALS]


def summarise(what: str, where: str, errors: Sequence[float]) -> Row:
    """Median, p90 and worst."""
    return {"what": what, "where": where, "median %": quantile(errors, 0.5), "p90 %": quantile(errors, 0.9),
            "worst %": quantile(errors, 1.0)}  # fmt: skip


def image(where: tuple[str, str, str], what: str, names: str, model: int, size: int, source: str) -> Row:
    """A published image beside what platform, model, runtime and kernels are said to take."""
    platform, core, runtime = where
    graph = of_operators(SETS[names][1] if names else "FULLY_CONNECTED")
    graph = dataclasses.replace(graph, flatbuffer_bytes=model, sha256=f"{platform} {what}")
    found = predict_flash(graph, core=core, runtime=runtime, platform=platform).total
    return {
        "what": f"{what} ({source})", "where": f"{platform}, {core}, {runtime}, build unknown", "linked": size,
        "said": found.value, "error %": round(100 * (found.value / size - 1), 2),
        "in the interval": "yes" if found.low <= size <= found.high else "no",
    }  # fmt: skip
