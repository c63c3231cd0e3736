"""What reports of ST's tools say, by the patterns and paths of `data/reports.toml`.

Texts for CPUs and the N6's NPU; `*_c_info.json` of ST Edge AI Core; `*_report.json`, `*_c_graph.json` of X-CUBE-AI.

Facts are texts, figures whole numbers, `duration` in s as (value, low, high), nodes tables.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import DataError
from tinykit.ground.facts import read_toml, shipped_path

Found = dict[str, Any]
_MOST, _MOST_NODES, _LONGEST_TABLE, _LONGEST_LINE = 2**50, 4096, 20_000, 1000
_MERGE = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.M)
_VERSION = re.compile(r"v?(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?:-(\w{1,12}))?")
_WHOLE = re.compile(r"(\d{1,3}(?:[,'\u00a0\u202f]\d{3}){1,6}|\d{1,16})(?![\d.,'])")
_SUM = re.compile(r"=\s*(\S+)\s*\+\s*(\S+)\s*\+\s*(\S+)\s*$")
_CLOCK = re.compile(r"@\s*(\d{1,6}(?:\.\d{1,9})?)(?![\d.])")
_SECTION = re.compile(r"^[ \t]*(\S[^\n]{0,80}?)" + r"[ \t]+(\d[\d,']*)" * 4 + r"[ \t]*$", re.M)
_NODE = re.compile(r"[ \t]*\d{1,5}\s+(?:\d{1,5}\s+)?(\S.*?)\s+(\d{1,12}\.\d{1,12})(?!\s*%|\d)([^\n]*)")


@remember_table
def grammar() -> dict[str, Any]:
    """`data/reports.toml`, its patterns compiled."""
    table = read_toml(shipped_path("data", "reports.toml"))
    return table | {"text": {name: re.compile(pattern, re.M | re.I) for name, pattern in table["text"].items()}}


def read_text(text: str) -> Found:
    """What a report says, a text or JSON; DataError: none of these, merge marks, cut, or a number that is none."""
    if _MERGE.search(text):
        raise DataError("holds merge marks (<<<<<<<, >>>>>>>): two reports in one; take one side, and read it again")
    if text.lstrip()[:1] in ("{", "["):
        return _read_document(text)
    head = [line for line in text[:4096].splitlines() if line.strip()][:6]
    line = next((line for line in head if grammar()["text"]["tool"].search(line)), "")
    if not (versions := _VERSION.findall(line)):
        raise DataError("names no tool of ST with its version in the first lines; give the report as the tool wrote it")
    said = {name: match[1] for name, pattern in grammar()["text"].items() if (match := pattern.search(text))}
    told = _read_npu(said) if "npu_weights" in said else _read_cpu(said)
    found = said | told | {"version": versions[-1], "cube": "Neural" in line}
    return found | _read_memory(text, "npu" in told) | _read_run(text, said)


def whole(text: str, what: str) -> int:
    """The whole number at the start of a text, thousands set apart or not; DataError where there is none."""
    match = _WHOLE.match(text)
    number = int(re.sub(r"\D", "", match[1])) if match else _MOST
    if number >= _MOST:
        raise DataError(f"{what} is {text[:40]!r}, no whole number: the report is cut, or its commas are points")
    return number


def _read_cpu(said: Mapping[str, str]) -> Found:
    for name in ("macc", "weights", "activations", "ram"):
        if name not in said:
            raise DataError(f"has no line of {name}: it is cut, or the tool was stopped; write the report again")
    told = {name: whole(said[name], name) for name in ("macc", "weights", "activations")}
    split, ram = _SUM.search(said["ram"]), whole(said["ram"], "ram")
    parts = [whole(part, "ram") for part in split.groups()] if split else [ram]
    if sum(parts) != ram or (not split and "=" in said["ram"]):
        raise DataError(f"ram (total) {said['ram'][:60]!r} does not add up: the line is cut; write the report again")
    return told | ({"io_outside": sum(parts[1:])} if split else {})


def _read_npu(said: Mapping[str, str]) -> Found:
    """Sizes of three decimals in units of 1,024, inputs and outputs within; `coarse` is how far one may be off."""
    told: Found = {"npu": True, "io_outside": 0, "coarse": 0.0}
    for name in [name for name in ("weights", "activations") if f"npu_{name}" in said]:
        number, unit = re.fullmatch(r"([\d.]+)\s*(\w?)", said[f"npu_{name}"]).groups()  # type: ignore[union-attr]
        size = {"": 1, "k": 1024, "M": 1024**2}[unit]
        told |= {name: round(float(number) * size), "coarse": max(told["coarse"], size / 2000)}
    return told | ({"macc": whole(said["macc"], "macc")} if "macc" in said else {})


def _read_memory(text: str, npu: bool) -> Found:
    """Flash and RAM of the linked runtime: its total, else kernels, network and toolchain added."""
    if not (start := grammar()["text"]["memory"].search(text)):
        return {}
    table = text[start.end() : start.end() + _LONGEST_TABLE].partition("\n\n")[0]
    rows = {name.strip(" *").lower(): [whole(cell, name) for cell in cells] for name, *cells in _SECTION.findall(table)}
    code = [row for name, row in rows.items() if (name[-2:] in (".a", ".o") and "data" not in name) or "lib " in name]
    sizes = rows.get("rt total") or [sum(column) for column in zip(*code, strict=True)] or [0] * 4
    exact = {name: sum(rows[name]) for name in ("weights", "activations") if npu and name in rows}
    return {"kernel_flash": sum(sizes[:3]), "kernel_ram": sum(sizes[2:])} | exact | ({"coarse": 0} if exact else {})


def _read_run(text: str, said: Mapping[str, str]) -> Found:
    """What a board took, and each node on it; nothing of a run on the host."""
    if not (clock := _CLOCK.search(said.get("device", ""))):
        return {"nodes": [], "cycles": None, "duration": None, "host": "duration" in said}
    header = grammar()["text"]["timed"].search(text)
    nodes = _read_nodes(text[header.end() :].splitlines()[1:_MOST_NODES]) if header else []
    cycles = whole(said["cycles"], "CPU cycles") if "cycles" in said else None
    times = sorted(float(one) / 1e3 for one in re.findall(r"\d{1,12}\.?\d{0,9}", said.get("duration", ""))[:3])
    value = float(said.get("duration", "0").split()[0].removesuffix("ms")) / 1e3
    duration = (value, min(times[0], value), times[-1]) if value and "/" in said["duration"] else (value,) * 3
    return {"clock": float(clock[1]) * 1e6, "nodes": nodes, "cycles": cycles, "duration": duration if value else None}


def _read_nodes(lines: Sequence[str]) -> list[Found]:
    """Rows of the table of times: kind, milliseconds, cycles in brackets, name at the end."""
    found = list[Found]()
    for line in lines:
        if match := _NODE.match(line[:_LONGEST_LINE]):
            cycles = re.search(r"\[([\d,' ]+)\]", match[3])
            name = re.search(r"[\])%]\s+([A-Za-z_]\S*)\s*$", match[3])
            counts = re.findall(r"\d+", re.sub(r"[,']", "", cycles[1])) if cycles else []
            node = {
                "name": name[1] if name else "",
                "kind": match[1].split("  ")[0],
                "cycles": sum(map(int, counts)) or None,
            }
            found.append(node | {"duration_s": float(match[2]) / 1e3})
        elif found:
            break
    return found


def _read_document(text: str) -> Found:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"no JSON that can be read ({str(error)[:80]}): it is cut, or was changed") from error
    if not isinstance(document, dict) or not {"memory_footprint", "rom_size", "memory_pools"} & document.keys():
        raise DataError("a JSON of another kind; give a *_c_info.json, *_report.json or *_c_graph.json of ST's tools")
    found = {name: _first(document, paths) for name, paths in grammar()["document"].items()}
    nodes = [_read_node(row) for row in (found["nodes"] if isinstance(found["nodes"], list) else [])[:_MOST_NODES]]
    for name in ("macc", "weights", "activations", "kernel_flash", "kernel_ram", "more_flash", "more_ram", "cycles"):
        found[name] = _number(found[name])
    if found["macc"] is None and nodes and all(node["macc"] is not None for node in nodes):
        found["macc"] = sum(node["macc"] for node in nodes)
    for kernel, more in (("kernel_flash", "more_flash"), ("kernel_ram", "more_ram")):
        found[kernel] = found[kernel] and found[kernel] + (found[more] or 0)
    clock, ms = _CLOCK.search(str(found["device"])), found["milliseconds"]
    timed, ran = _number(ms) is not None and ms > 0, bool(found["cycles"])
    run: Found = {"duration": (ms / 1e3,) * 3 if ran and timed else None, "host": timed and not ran}
    run |= {"clock": float(clock[1]) * 1e6} if clock and ran else {}
    whose = {"version": _version(found["version"]), "cube": "environment" not in document}
    whose |= {"npu": "--st-neural-art" in str(found["arguments"]) and found["macc"] is None}
    return found | run | whose | {"nodes": nodes, "io_outside": _read_io(document)}


def _first(document: Any, paths: Sequence[str]) -> Any:
    """What stands at the first of some paths that leads to anything."""
    for path in paths:
        value = document
        for key in path.split("."):
            if isinstance(value, list) and key.isdigit():
                value = value[int(key)] if int(key) < len(value) else None
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _number(value: Any) -> int | None:
    """A count; None for what is not there, null, below 0, or no number."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if plain and 0 <= value < _MOST else None


def _version(value: Any) -> tuple[str, str]:
    if isinstance(value, Mapping):
        value = "{}.{}.{}-{}".format(*(value.get(part, "") for part in ("major", "minor", "micro", "extra")))
    if not (match := _VERSION.match(str(value))):
        raise DataError("has no version of ST's tool; give the document as the tool wrote it")
    return match[1], match[2] or ""


def _read_io(document: Mapping[str, Any]) -> int | None:
    """Bytes of inputs and outputs outside the activations; None where it does not say."""
    told, sizes = _first(document, ["memory_footprint.io"]), document.get("ram_io_size")
    if told is None and isinstance(sizes, list):
        ends = ("inputs", "outputs")
        told = [size for size, end in zip(sizes, ends, strict=False) if not document.get(f"_allocate_{end}")]
    return None if told is None else sum(_number(one) or 0 for one in (told if isinstance(told, list) else [told]))


def _read_node(row: Any) -> Found:
    node = {name: _first(row, paths) for name, paths in grammar()["node"].items()}
    cycles, ms = _number(node["cycles"]) or None, node.pop("milliseconds")
    texts = {name: str(node[name] or "")[:120] for name in ("name", "kind")}
    timed = ms / 1e3 if cycles and _number(ms) is not None else None
    return texts | {"macc": _number(node["macc"]), "cycles": cycles, "duration_s": timed}
