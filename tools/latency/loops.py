"""`python -m tools.latency.loops`: counts the loops of reference_loops.cc and writes data/latency/loops.csv.

They have the form of TFLM's float kernels. Each is compiled by arm-none-eabi-g++ (-O3 without run-time checks of
indices; -Os with them, as Arduino's cores build) for a Cortex-M4 with FPU, one without, and a Cortex-M0+, and run in
unicorn for a few shapes. Instructions are counted, and cycles by the Cortex-M4 manual's cost of each instruction; both
are fitted to what an operator's shape tells: multiply-accumulates, taps of a window, elements, calls.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import unicorn
from numpy.typing import NDArray
from unicorn import arm_const

from tinykit.handover.virtual_board.building import read_elf
from tools.latency.fitting import solve_non_negative

SOURCE = Path(__file__).with_name("reference_loops.cc")
TABLE = Path(__file__).resolve().parents[2] / "data" / "latency" / "loops.csv"
ARITHMETICS = {
    "fpu": ("-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", arm_const.UC_CPU_ARM_CORTEX_M4),
    "soft": ("-mcpu=cortex-m4 -mfloat-abi=soft", arm_const.UC_CPU_ARM_CORTEX_M4),
    "soft-v6m": ("-mcpu=cortex-m0plus -mfloat-abi=soft", arm_const.UC_CPU_ARM_CORTEX_M0),
}
BUILDS = {"-O3": "-DCHECKED=0", "-Os": "-DCHECKED=1"}
FLAGS = "-mthumb -std=c++17 -fno-exceptions -fno-rtti -fno-math-errno -fno-tree-loop-distribute-patterns -nostdlib"
LINK = "-Wl,-etk_conv -Wl,-Ttext=0x10000 -lgcc"
EVALUATION = 700.0
"""Instructions that TFLM adds to every operator: the interpreter's step, tensors looked up,
parameters filled in; its RESHAPE takes 202, its dense operators 1,500 with their loop's start (operator_counts.csv)."""

EVALUATION_CYCLES = 1.45 * EVALUATION
"""TFLM's reference code takes 1.42 to 1.54 cycles an instruction at -O3."""

_BRANCH = re.compile(r"b(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|l|x|lx)?|cbn?z")
_SEVERAL = ("vldm", "vstm", "ldm", "stm", "push", "pop", "vpush", "vpop")
_COSTS = (("ldrd", 3), ("strd", 3), ("ldr", 2), ("vldr", 2), ("vml", 3), ("vfm", 3), ("vnm", 3), ("vdiv", 14),
          ("vsqrt", 14), ("sdiv", 7), ("udiv", 7), ("it", 0.5))  # fmt: skip
_TAKEN = 2

Sizes = tuple[int, ...]
SHAPES: Mapping[str, Sequence[Sizes]] = {  # input, kernel, output, then stride and padding
    "conv": [
        (1, size, size, deep, out, side, side, deep, 1, size, size, out, 1, side // 2)
        for size, deep, out, side in (
            (8, 1, 6, 3),
            (6, 3, 4, 5),
            (6, 16, 4, 3),
            (6, 12, 6, 1),
            (4, 32, 3, 3),
            (2, 2, 2, 1),
            (1, 8, 4, 1),
        )
    ],
    "depthwise": [
        (1, size, size, deep, 1, side, side, deep, 1, size, size, deep, 1, side // 2)
        for size, deep, side in ((8, 4, 3), (6, 3, 5), (6, 8, 1), (2, 3, 3), (1, 2, 1))
    ],
    "fully_connected": [
        (1, 1, 1, deep, out, 1, 1, deep, 1, 1, 1, out, 1, 0) for deep, out in ((8, 30), (64, 16), (200, 20), (2, 4))
    ],
    "transpose_conv": [
        (1, size, size, deep, out, side, side, deep, 1, 2 * size, 2 * size, out, 2, 0)
        for size, deep, out, side in ((4, 4, 4, 2), (3, 2, 6, 3), (3, 16, 1, 2), (3, 1, 8, 1), (1, 2, 2, 2))
    ],
    "pool": [
        (1, size, size, deep, 1, side, side, 1, 1, size // side, size // side, deep, side, 0)
        for size, deep, side in ((12, 4, 2), (6, 3, 3), (12, 2, 6), (2, 1, 2))
    ],
    "broadcast": [(1, 6, 6, 4, 1, 1, 1, 4, 1, 6, 6, 4, 1, 0), (1, 2, 2, 3, 1, 1, 1, 3, 1, 2, 2, 3, 1, 0)],
    "slice": [
        (1, rows, wide, deep, 1, first, 1, 1, 1, count, wide, deep, 1, 0, 4, 0)
        for rows, wide, deep, first, count in ((9, 6, 4, 2, 5), (12, 12, 8, 0, 7), (6, 3, 24, 1, 4), (20, 1, 16, 6, 9))
    ],
    "": [(1, 1, 1, size, 1, 1, 1, size, 1, 1, 1, size, 1, 0) for size in (16, 128)],
}
LOOPS = ("conv", "depthwise", "fully_connected", "transpose_conv", "pool", "max_pool", "broadcast", "add", "divide",
         "relu", "logistic", "tanh", "exp", "log", "softmax", "quantise", "dequantise", "slice")  # fmt: skip


def features(loop: str, sizes: Sizes) -> tuple[float, ...]:
    """Multiply-accumulates, taps, elements, 1."""
    rows, columns, deep, out = *sizes[1:4], sizes[11]
    side, (high, wide), stride, pad = sizes[5], sizes[9:11], sizes[12], sizes[13]
    inside = [sum(0 <= at * stride - pad + tap < size for at in range(count) for tap in range(side))
              for size, count in ((rows, high), (columns, wide))]  # fmt: skip
    pairs, elements = inside[0] * inside[1], float(high * wide * out)
    if loop == "conv":
        return float(pairs * deep * out), float(pairs * out), elements, 1.0
    if loop == "fully_connected":
        return float(deep * out), 0.0, elements, 1.0
    if loop == "transpose_conv":
        return float(rows * columns * deep * side * side * out), 0.0, elements, 1.0
    return 0.0, float(pairs * out) if loop in ("depthwise", "pool", "max_pool") else 0.0, elements, 1.0


class Program:
    """The loops, compiled for one arithmetic and build."""

    def __init__(self, arithmetic: str, build: str, folder: Path) -> None:
        flags, model = ARITHMETICS[arithmetic]
        path = folder / f"{arithmetic}{build}.elf"
        command = ["arm-none-eabi-g++", *flags.split(), *FLAGS.split(), build, BUILDS[build], str(SOURCE)]
        subprocess.run([*command, "-o", str(path), *LINK.split()], check=True)
        self.firmware = read_elf(path.read_bytes())
        listing = subprocess.run(["arm-none-eabi-objdump", "-d", str(path)], capture_output=True, text=True, check=True)
        found = re.findall(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t(\S+)[ \t]*(.*)$", listing.stdout, re.MULTILINE)
        self.costs = {int(at, 16): cost_of(name.split(".")[0], rest) for at, name, rest in found}
        self.branches = {int(at, 16) for at, name, _ in found if _BRANCH.fullmatch(name.split(".")[0])}
        self.engine = self.start(model, fpu=arithmetic == "fpu")

    def start(self, model: int, *, fpu: bool) -> unicorn.Uc:
        """The emulator with the program loaded and its inputs filled with noise."""
        engine, rng = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB), np.random.default_rng(0)
        engine.ctl_set_cpu_model(model)
        for base, size in ((0, 1 << 24), (0xE000E000, 4096), (1 << 29, 1 << 16)):
            engine.mem_map(base, size)
        for address, data in self.firmware.segments:
            engine.mem_write(address, data)
        if fpu:
            engine.mem_write(0xE000ED88, (0xF << 20).to_bytes(4, "little"))
            engine.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
        for name, size in (("input", 8192), ("weights", 8192), ("bias", 256)):
            noise = rng.uniform(-2, 2, size).astype(np.float32)
            engine.mem_write(self.firmware.address_of(f"tk_{name}"), noise.tobytes())
        return engine

    def run(self, loop: str, sizes: Sizes) -> tuple[int, float]:
        """Instructions and cycles of one call."""
        seen = [0, 0.0, -1]

        def step(_engine: unicorn.Uc, address: int, size: int, _data: object) -> None:
            seen[0] += 1
            seen[1] += self.costs.get(address, 1) + (_TAKEN if seen[2] not in (-1, address) else 0)
            seen[2] = address + size if address in self.branches else -1

        place = self.firmware.address_of("tk_sizes")
        self.engine.mem_write(place, np.array(sizes, np.int32).tobytes())
        self.engine.reg_write(arm_const.UC_ARM_REG_SP, (1 << 29) + (1 << 16) - 64)
        self.engine.reg_write(arm_const.UC_ARM_REG_LR, 0xF001)
        hook = self.engine.hook_add(unicorn.UC_HOOK_CODE, step)
        self.engine.emu_start(self.firmware.address_of(f"tk_{loop}") | 1, 0xF000)
        self.engine.hook_del(hook)
        return int(seen[0]), seen[1]


def cost_of(name: str, operands: str) -> float:
    """Cycles of one instruction on a Cortex-M4 without waits, a taken branch's refill apart.

    >>> cost_of("vldr", "s1, [r2]"), cost_of("vfma", "s0, s1, s2"), cost_of("push", "{r4-r7, lr}")
    (2, 3, 6)
    """
    if name.startswith(_SEVERAL):
        listed = re.search(r"{(.*)}", operands)
        parts = [re.findall(r"\d+", one) for one in (listed[1].split(",") if listed else [])]
        return 1 + sum(int(one[1]) - int(one[0]) + 1 if len(one) == 2 else 1 for one in parts)
    return next((cost for start, cost in _COSTS if name.startswith(start)), 1)


def rows(folder: Path) -> list[str]:
    """A row for every loop, arithmetic and build."""
    found = []
    for arithmetic in ARITHMETICS:
        for build in BUILDS:
            program = Program(arithmetic, build, folder)
            for loop in LOOPS:
                shapes = SHAPES.get("pool" if loop == "max_pool" else loop, SHAPES[""])
                counted = np.array([program.run(loop, shape) for shape in shapes])
                work = np.array([features(loop, shape) for shape in shapes])
                added = (EVALUATION, EVALUATION_CYCLES)
                columns = [_fit(work, counts, more) for counts, more in zip(counted.T, added, strict=True)]
                found.append(",".join((loop, arithmetic, build, *columns)))
    return found


def _fit(work: NDArray[np.float64], counts: NDArray[np.float64], added: float) -> str:
    """Non-negative coefficients, least squares of the relative error, with what a call adds, as text."""
    fitted = solve_non_negative(work / counts[:, None], np.ones(len(counts)))
    fitted[-1] += added
    return " ".join(f"{round(float(value), 3):.4g}" for value in fitted)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        lines = rows(Path(name))
    head = [
        "# source: counted by tools/latency/loops.py: loops in the form of TFLM's reference kernels, GCC 12.2, unicorn;"
        " cycles by the instruction costs of the Cortex-M4 technical reference manual; 700 instructions a call for"
        " TFLM's evaluation",
        "# content: instructions, and cycles of a Cortex-M4 without waits, by multiply-accumulate, tap, element and"
        " call; fpu and soft (no FPU) of Armv7-M, soft-v6m of Armv6-M",
        "loop,arithmetic,build,coefficients,cycles",
    ]
    TABLE.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    print(f"{len(lines)} rows in {TABLE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
