"""Look-alikes of what ST's code generators write, for each version; the layouts are theirs, names and figures invented.

`write(version, …)` is one report; `VERSIONS` those that a reader has to know, `FORMS` the kinds of file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

BUILDS = {
    "5.0.0": "",
    "5.1.2": "",
    "5.2.0": "",
    "6.0.0": "RC6",
    "7.1.0": "RC3",
    "7.2.0": "RC5",
    "7.3.0": "RC5",
    "8.0.0": "19389",
    "8.1.0": "19520",
    "9.0.0": "19802",
    "1.0.0": "19899",
    "2.0.0": "20049",
    "2.1.0": "20194",
    "2.2.0": "20266",
    "3.0.0": "20426",
    "4.0.0": "20500",
}
VERSIONS = tuple(BUILDS)
RULE = "-" * 96


@dataclass(frozen=True)
class Said:
    """What a report says of a network."""

    version: str = "8.1.0"
    md5: str = "00112233445566778899aabbccddeeff"
    macc: int = 1_234_567
    weights: int = 45_678
    activations: int = 23_456
    io: tuple[int, int] = (0, 0)
    name: str = "kettle"
    kind: str = "tflite"
    series: str = "stm32h7"
    option: str = "balanced"
    runtime: tuple[int, int, int, int] | None = None  # text, rodata, data, bss
    device: str = ""
    cycles: int = 0

    @property
    def edge(self) -> bool:
        return int(self.version[0]) < 5

    @property
    def order(self) -> int:
        return VERSIONS.index(self.version)


def comma(number: int) -> str:
    return f"{number:,}"


def kib(nbytes: int) -> str:
    return f"{nbytes / 1024:.3f} kB"


def head(said: Said) -> str:
    build = BUILDS[said.version]
    dash = f"-{build}" if build else ""
    if said.edge or said.version == "9.0.0":
        return f"ST Edge AI Core v{said.version}{dash} 0a1b2c3d4"
    if said.version[0] == "5":
        return f"Neural Network Tools for STM32 v1.3.0 (AI tools v{said.version})"
    if said.version == "8.1.0":
        return f"Neural Network Tools for STM32 family v1.7.0 (stm.ai v{said.version}{dash})"
    return f"Neural Network Tools for STM32AI v1.5.0 (STM.ai v{said.version}{dash})"


def size(said: Said, nbytes: int) -> str:
    if said.version == "5.0.0":
        return f"{comma(nbytes)} ({nbytes / 1024:.2f} KiB) (-86.29%)"
    return f"{comma(nbytes)} B ({nbytes / 1024:.2f} KiB)" + (" (1 segment)" if said.order >= 5 else "")


def summary(said: Said, command: str) -> list[str]:
    gap = "   " if said.order >= 5 else ""
    prefix = "0x" if said.edge else ""
    ram = said.activations + sum(said.io)
    star = " *" if said.order >= 5 and not any(said.io) else ""
    told = {
        "model file": f"C:\\Users\\me\\kettles\\{said.name}.{said.kind}",
        "type": said.kind,
        "c_name": "network",
        "compression": "lossless" if said.order >= 7 else "None",
        **({"optimization": said.option, "target/series": said.series} if said.order >= 7 else {}),
        "workspace dir": "C:\\Users\\me\\AppData\\Local\\Temp\\mxAI_workspace",
        "model_name": said.name,
        "model_hash": prefix + said.md5,
        "params #": "12,345 items (12.05 KiB)",
        "macc": comma(said.macc),
        "weights (ro)": size(said, said.weights),
        "activations (rw)": size(said, said.activations) + star,
        "ram (total)": f"{size(said, ram).split(' (1')[0]} = " + " + ".join(map(comma, (said.activations, *said.io))),
    }
    lines = [f"{key:<19}: {gap}{value}{gap}" for key, value in told.items()]
    return [f"Exec/report summary ({command})", RULE, *lines, RULE]


def layers(said: Said) -> list[str]:
    if said.order < 3:
        return [
            "id  layer (type)      output shape   param #   connected to   macc    rom",
            RULE,
            "0   kettle_in (Input) (24, 3, 1)",
            f"{said.name} p=1(2 KBytes) macc={said.macc} rom=1 KBytes",
        ]
    return [
        "m_id   layer (type,original)   oshape   param/size   macc   connected to   | c_size   c_macc   c_type",
        RULE,
        "1      boil (Conv2D, CONV_2D)   [b:1,h:8]   224/248   2,709   steam   |   boil_[0]",
        RULE,
        f"model/c-model: macc={comma(said.macc)}/{comma(said.macc)}  weights=1/1",
    ]


def c_graph(said: Said) -> list[str]:
    return [
        "Generated C-graph summary",
        RULE,
        f"model name         : {said.name}",
        "c-node #           : 2",
        f"activations size   : {said.activations}",
        f"weights size       : {said.weights}",
        f"macc               : {said.macc}",
        "",
        "C-Layers (2)",
        RULE,
        "0     boil    1   conv2d   1200   320   I: steam   [1, 8, 8, 1] (0)",
    ]


def memory(said: Said) -> list[str]:
    if said.runtime is None:
        return []
    text, rodata, data, bss = said.runtime
    title = (
        'Requested memory size by section - "stm32" target'
        if said.edge
        else 'Requested memory size per segment ("stm32")'
    )
    row = "{:<28} {:>8} {:>8} {:>7} {:>7} "
    return [
        "",
        f" {title}",
        " " + RULE,
        row.format(" module", "text", "rodata", "data", "bss"),
        " " + RULE,
        " " + row.format("NetworkRuntime_CM7_GCC.a", comma(text - 600), 0, 0, 0),
        " " + row.format("network.o", 500, comma(rodata - 40), comma(data), comma(bss)),
        " " + row.format("lib (toolchain)*", 100, 40, 0, 0),
        " " + RULE,
        " " + row.format("RT total**", comma(text), comma(rodata), comma(data), comma(bss)),
        " " + RULE,
        " " + row.format("*weights*", 0, comma(said.weights), 0, 0),
        " " + row.format("*activations*", 0, 0, 0, comma(said.activations)),
        "",
    ]


def run(said: Said, clock_mhz: int = 480) -> list[str]:
    if not said.device:
        return []
    milliseconds = said.cycles / clock_mhz / 1e3
    spread = f"({milliseconds * 0.99:.3f}/{milliseconds * 1.01:.3f}/0.001)"
    nodes = (("Conv2D (0x103)", 0.75, "boil_0"), ("Pool (0x10B)", 0.25, "pour_1"))
    rows = [
        f"   {n}   {n + 1}   {kind}   {milliseconds * part:.3f}   {part:.1%}   {part:.1%}   "
        f"[ {comma(round(said.cycles * part))} ]   {name}"
        for n, (kind, part, name) in enumerate(nodes)
    ]
    return [
        "",
        f"  device.desc    :   {said.device} @{clock_mhz}MHz/240MHz",
        "",
        f'  ST.AI Profiling results v2.0 - "{said.name}"',
        "  nb sample(s)   :   10",
        f"  duration       :   {milliseconds:.3f} ms by sample {spread}",
        f"  macc           :   {said.macc}",
        f"  CPU cycles     :   [{comma(said.cycles)}]",
        "",
        "   Inference time per node",
        "   " + RULE,
        "   c_id   m_id   type   dur (ms)   %   cumul   CPU cycles   name",
        "   " + RULE,
        *rows,
        "   " + RULE,
    ]


def write(said: Said, command: str = "generate") -> str:
    """A text report for a CPU."""
    options = f" --target {said.series}" if said.edge else ""
    parameters = f"Parameters         : {command} -m {said.name}.{said.kind}{options}"
    lines = [
        head(said),
        "Created date       : 2031-01-02 03:04:05",
        parameters,
        "",
        *summary(said, command),
        "",
        *layers(said),
        "",
        *c_graph(said),
        *memory(said),
        *run(said),
        "",
    ]
    return "\n".join(lines)


def write_npu(said: Said) -> str:
    """A text report of an N6 with its NPU: no summary, no hash, sizes in kB of 1,024."""
    return "\n".join(
        [
            head(said),
            "Created date          : 2031-01-02 03:04:05",
            f"Parameters            : generate -m {said.name}.onnx --target stm32n6",
            "",
            f"Model name - {said.name}",
            RULE,
            f"model: macc={comma(said.macc)} weights=718,728 activations=-- io=--",
            "",
            "Memory usage information  (input/output buffers are included in activations)",
            RULE,
            f"\tnpuRAM5    [0x342E0000 - 0x34350000]:  {kib(said.activations)} /    448.000 kB  ( 53.57 % used)",
            f"Total:    {kib(said.weights + said.activations)}     -- weights:    {kib(said.weights)}       "
            f"activations:    {kib(said.activations)}  ",
            RULE,
            "+----------+------+---------+",
            "| epoch_1  |  HW  |         |",
            "",
        ]
    )


def c_info(said: Said, **footprint: object) -> dict[str, object]:
    """`network_c_info.json` of ST Edge AI Core."""
    nodes = [
        {
            "name": f"pot_{n}",
            "description": "Conv2D",
            "macc": macc,
            "sw_functions": ["forward_pot"],
            "exec_time": {
                "cycles": said.cycles * (3 - 2 * n) // 4,
                "duration_ms": said.cycles * (3 - 2 * n) / 4 / 480e3,
            },
        }
        for n, macc in enumerate((said.macc - 100, 100))
    ]
    return {
        "json_schema_version": "2.0",
        "environment": {
            "device": f"{said.device} @480/240MHz" if said.device else "x86_64, x86_64, Linux",
            "tools": [
                {
                    "name": "ST.EdgeAI.Core",
                    "version": f"{said.version}-{BUILDS[said.version]} 0a1b",
                    "arguments": f"generate --target {said.series}",
                    "input_model": {
                        "name": said.name,
                        "type": said.kind,
                        "model_files": [{"name": "k", "signature": "0x" + said.md5}],
                    },
                }
            ],
        },
        "graphs": [{"exec_time": {"cycles": said.cycles, "duration_ms": said.cycles / 480e3 or 0.01}, "nodes": nodes}],
        "memory_footprint": {
            "weights": said.weights,
            "activations": said.activations,
            "io": list(said.io),
            "kernel_flash": None,
            "kernel_ram": None,
            "toolchain_flash": None,
            "series": "generic",
        }
        | footprint,
    }


def old_report(said: Said) -> dict[str, object]:
    """`network_report.json` of X-CUBE-AI."""
    major, minor, micro = said.version.split(".")
    inside = not any(said.io)
    sizes = [512, 10] if inside else list(said.io)
    return {
        "cli_parameters": "generate -m k",
        "cli_version_str": "1.7.0",
        "hash": said.md5,
        "model_name": said.name,
        "report_version": 1.1,
        "rom_n_macc": said.macc,
        "rom_size": said.weights,
        "ram_size": [said.activations, said.activations],
        "ram_io_size": sizes,
        "_allocate_inputs": 4 * inside,
        "_allocate_outputs": 4 * inside,
        "layers": [],
        "tools_version": {"major": int(major), "minor": int(minor), "micro": int(micro), "extra": BUILDS[said.version]},
    }


def c_graph_json(said: Said) -> dict[str, object]:
    """`network_c_graph.json` of X-CUBE-AI."""
    major, minor, micro = said.version.split(".")
    return {
        "version": "1.2",
        "macc": said.macc,
        "model_signature": said.md5,
        "model_name": said.name,
        "c_layers": [{"name": "boil", "layer_type": "conv2d", "macc": said.macc, "c_forward": "forward_boil"}],
        "compilation_options": {"compression": "lossless", "optimization": said.option},
        "memory_footprint": {
            "activations": said.activations,
            "io": list(said.io),
            "series": "generic",
            "weights": said.weights,
        },
        "stm_ai_version": {
            "major": int(major),
            "minor": int(minor),
            "micro": int(micro),
            "extra": BUILDS[said.version],
        },
    }


def files(said: Said) -> dict[str, str]:
    """Every kind of file that a version writes, by its name."""
    told = {
        "network_generate_report.txt": write(said),
        "network_analyze_report.txt": write(said, "analyze"),
        "network_validate_report.txt": write(
            replace(said, device="0x450 - STM32H743/53/50xx", cycles=960_000), "validate"
        ),
    }
    if said.edge:
        return told | {"network_c_info.json": json.dumps(c_info(said))}
    return told | {
        "network_report.json": json.dumps(old_report(said)),
        "network_c_graph.json": json.dumps(c_graph_json(said)),
    }
