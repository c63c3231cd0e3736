"""A report of another tool, read: which tool and version, which model, and its figures as estimates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from tinykit.ground import limits
from tinykit.ground.errors import DataError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result, Rows
from tinykit.handover.readback.grammars import Found, grammar, read_text
from tinykit.predict.latency.effects import version_number

_MOST_FILES = 100_000
_NAMES = re.compile(r".*(_report\.(txt|json)|_c_info\.json|_c_graph\.json)")
_HASH, _SERIES = re.compile(r"(?:0x)?([0-9a-fA-F]{32})"), re.compile(r"--(?:target|series)[ =](stm32\w+)")
_CURE = "give a report of X-CUBE-AI or ST Edge AI Core, or an export of Edge Impulse"
_FIGURES = {"macc": "macc", "weights": "weights_bytes", "activations": "activations_bytes", "io_outside": "io_bytes",
            "kernel_flash": "runtime_flash_bytes", "kernel_ram": "runtime_ram_bytes", "cycles": "cycles"}  # fmt: skip
_NEVER_NONE = ("runtime_flash_bytes", "runtime_ram_bytes", "cycles")
"""Where 0 means as much as null: unknown."""
_UNITS = {"macc": "1", "cycles": "cycle"}


@dataclass(frozen=True, slots=True)
class ToolReport(Result):
    """What a tool said of a model; "" and None where it does not say.

    `runtime` is as the kit names it, "" where it predicts nothing for it (the N6's NPU). `figures`, unknown ones
    absent: `macc` [1], `weights_bytes`, `activations_bytes` as told, `io_bytes` outside them, `ram_bytes` both
    together, `runtime_flash_bytes`, `runtime_ram_bytes`, `cycles`, `latency_s`. `model_hash` is the MD5 of the model
    file, `device` what ran it as the tool printed it, `clock_hz` its clock [Hz]. `nodes` in the order of the network:
    name, kind, `macc`, and of a board `cycles` and `duration_s`.
    """

    LINE = ("tool", "version", "model_name", "figures")

    path: str
    tool: str
    version: str
    build: int | None
    runtime: str
    figures: Mapping[str, Estimate]
    model_name: str = ""
    model_hash: str = ""
    series: str = ""
    option: str = ""
    compression: str = ""
    device: str = ""
    clock_hz: float | None = None
    nodes: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()


def read_report(path: str | Path) -> ToolReport:
    """Read a report of ST's code generators: text or JSON, X-CUBE-AI 5 to ST Edge AI Core 4, for CPUs and the N6's NPU.

    Raises
    ------
    DataError : no such report, cut, with merge marks, of a version whose grammar is not known, a number that is none.
    """
    text = "\n".join(limits.read_lines(Path(path), _CURE))
    try:
        return _make(str(path), read_text(text))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_reports(folder: str | Path) -> tuple[Rows[ToolReport], dict[str, str]]:
    """Every report below a folder, by version of its tool; and why each other file of such a name is none.

    Raises DataError: more files than a project has.
    """
    found, refused = list[ToolReport](), dict[str, str]()
    for number, path in enumerate(Path(folder).rglob("*")):
        if number > _MOST_FILES:
            raise DataError(f"{folder}: more than {_MOST_FILES:,} files; give the folder of the reports")
        if _NAMES.fullmatch(path.name) and path.is_file():
            try:
                found.append(read_report(path))
            except DataError as error:
                refused[str(path)] = str(error)
    return Rows(sorted(found, key=lambda one: (version_number(one.version), one.build or 0, one.path))), refused


def _make(path: str, found: Found) -> ToolReport:
    version, extra = found["version"]
    build = int(extra) if extra.isdigit() else None
    _check_version(version, build, found["cube"])
    tool = "STM32Cube.AI" if int(version.partition(".")[0]) >= 5 else "ST Edge AI Core"
    digest, series = _HASH.fullmatch(str(found.get("model_hash"))), _SERIES.search(str(found.get("arguments")))
    told = {name: str(found.get(name) or "").lower()[:80] for name in ("series", "compression", "option")}
    told["series"] = series[1].lower() if series and told["series"] in ("", "generic") else told["series"]
    return ToolReport(
        path, tool, version, build, "" if found.get("npu") else "x-cube-ai",
        _to_figures(found, f"{tool} {version}, {Path(path).name}"), **told,
        model_name=str(found.get("model_name") or PureWindowsPath(str(found.get("model_file") or "")).stem)[:120],
        model_hash=digest[1].lower() if digest else "", clock_hz=found.get("clock"),
        device=" ".join(str(found["device"]).split())[:120] if found.get("clock") else "",
        nodes=tuple(found["nodes"]), notes=_list_notes(found),
    )  # fmt: skip


def _check_version(version: str, build: int | None, cube: bool) -> None:
    """DataError where a version lies outside those whose grammar is known; the builds of all tools are one line."""
    table, number = grammar(), version_number(version) or (0, 0)
    newest, major = version_number(table["newest"]) or (0, 0), int(version.partition(".")[0])
    known = f"known: X-CUBE-AI {table['oldest']} to ST Edge AI Core {table['newest']} (build {table['build']})"
    told = f"version {version}{f'-{build}' if build else ''}"
    if major < (int(table["oldest"][0]) if cube else 1):
        raise DataError(f"{told} is older than those whose grammar is known; {known}")
    if number > newest or ((build or 0) > table["build"] and number != newest):
        raise DataError(f"{told} is newer than those whose grammar is known; {known}")


def _to_figures(found: Found, source: str) -> dict[str, Estimate]:
    """Figures with their basis; what is unknown is absent."""
    figures, coarse = dict[str, Estimate](), found.get("coarse", 0)
    sizes = {label: found[name] for name, label in _FIGURES.items() if found.get(name) is not None}
    if sizes.keys() >= {"activations_bytes", "io_bytes"}:
        sizes["ram_bytes"] = sizes["activations_bytes"] + sizes["io_bytes"]
    for name, value in sizes.items():
        if value or name not in _NEVER_NONE:
            doubt = coarse if name in ("weights_bytes", "activations_bytes", "ram_bytes") else 0
            unit, basis = _UNITS.get(name, "byte"), "measured" if name == "cycles" else "compiled"
            figures[name] = Estimate(value, max(0, value - doubt), value + doubt, unit, basis, sources=source)
    clock, cycles = found.get("clock"), found.get("cycles")
    if duration := found["duration"] or (clock and cycles and (cycles / clock,) * 3):
        value, low, high = duration
        figures["latency_s"] = Estimate(value, low, high, "s", "measured", sources=source)
    if not figures.keys() & {"weights_bytes", "activations_bytes", "macc"}:
        raise DataError("none of its figures is known (weights, activations, MACC); generate it again")
    return figures


def _list_notes(found: Found) -> tuple[str, ...]:
    outside = found.get("io_outside")
    place = "within the activations" if outside == 0 else f"outside the activations: {outside or 0:,} bytes more"
    notes = {
        f"inputs and outputs lie {place}": outside is not None,
        "where inputs and outputs lie is not told: its activations are held against nothing": outside is None,
        "times of the host are left out: they are no board's": found.get("host"),
    }
    return tuple(note for note, holds in notes.items() if holds)
