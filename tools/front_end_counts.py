"""`python -m tools.front_end_counts cmsisdsp-1.10.3.tar.gz`: counts front ends for data/power/frontend.toml.

The archive is the sdist of cmsisdsp on PyPI (`pip download --no-deps --no-binary cmsisdsp cmsisdsp==1.10.3`), which
holds the library's C. Needs arm-none-eabi-gcc, the extra `virtual-board`, and cmsisdsp. Each function is compiled
with -O3 and loops unrolled, and called once on noise; what it executes is printed beside the figure on the shelf. The
mel bands of an MFCC reach from 20 Hz to a quarter of the rate, some six bins a band. An image is that of
`tools/front_end_image.c`, the kit's own.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import unicorn
from unicorn import arm_const

from tinykit.handover.codegen.export import read_library
from tinykit.handover.virtual_board.building import Firmware, read_elf
from tinykit.predict.energy.inputs import load_constants

RATE_HZ = 16_000.0
GROUPS = ("Filtering", "BasicMath", "ComplexMath", "FastMath", "Matrix", "Statistics", "Support", "Transform")
CORES = {
    "q15": ("-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", arm_const.UC_CPU_ARM_CORTEX_M4),
    "f32": ("-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", arm_const.UC_CPU_ARM_CORTEX_M4),
    "q15_plain": ("-mcpu=cortex-m0plus -mfloat-abi=soft", arm_const.UC_CPU_ARM_CORTEX_M0),
}
FLAGS = "-mthumb -DARM_MATH_LOOPUNROLL -O3 -w -ffunction-sections -fdata-sections -nostartfiles --specs=nosys.specs"
LINK = "-Wl,--gc-sections -Wl,-etk_setup -Wl,-Ttext=0x10000 -lm"
PIECES = {  # name on the shelf: (C of one call, work it does)
    "sample": ("arm_mult_{t}(a, b, c, 512)", 512),
    "normalise": ("arm_absmax_{t}(a, 512, &peak, &place); {scale}", 512),
    "fft 256": ("arm_rfft_{f}(&fft256, a, c{way})", 256 * 8),
    "fft 512": ("arm_rfft_{f}(&fft512, a, c{way})", 512 * 9),
    "fft 1024": ("arm_rfft_{f}(&fft1024, a, c{way})", 1024 * 10),
    "bin": ("arm_cmplx_mag_{t}(a, c, 256)", 256),
    "log": ("{log}", 40),
    "mac": ("arm_mat_vec_mult_{t}(&matrix, a, c)", 400),
    "biquad": ("arm_biquad_cascade_df1_{t}(&biquad, a, c, 512)", 512 * 2),
    "colour": ("colour()", 320),
    "pixel": ("pixel()", 320),
    "box": ("box()", 96),
}
IMAGE = ("colour", "pixel", "box")
WORDS = {
    "q15": {"t": "q15", "f": "q15", "way": "", "scale": "arm_scale_q15(a, 23000, 1, c, 512)",
            "log": "arm_vlog_q31(long_a, long_c, 40)", "init": "arm_rfft_init_q15(&fft{n}, {n}, 0, 1);"},
    "f32": {"t": "f32", "f": "fast_f32", "way": ", 0", "scale": "arm_scale_f32(a, 0.7f, c, 512)",
            "log": "arm_vlog_f32(a, c, 40)", "init": "arm_rfft_fast_init_f32(&fft{n}, {n});"},
}  # fmt: skip
SIZES = ((256, 26, 13), (512, 40, 10), (1024, 40, 10))


def array(name: str, kind: str, values: Any) -> str:
    return f"static {kind} {name}[] = {{{', '.join(repr(one) for one in np.asarray(values).tolist())}}};\n"


def tables(t: str) -> str:
    """Mel filters, cosines and windows of the three MFCCs, as CMSIS-DSP's own helper makes them."""
    from cmsisdsp import datatype, mfcc

    kind, text = getattr(datatype, t.upper()), ""
    for points, bands, coefficients in SIZES:
        lengths, places, weights = mfcc.melFilterMatrix(kind, 20.0, RATE_HZ / 4, bands, RATE_HZ, points)
        dct = mfcc.dctMatrix(kind, coefficients, bands)
        window = datatype.convert(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(points) / points), kind)
        text += array(f"lengths{points}", "uint32_t", lengths) + array(f"places{points}", "uint32_t", places)
        for name, values in (("weights", weights), ("dct", dct), ("window", window)):
            text += array(f"{name}{points}", f"{t}_t" if t == "q15" else "float32_t", values)
    return text


def program(t: str) -> tuple[str, list[str]]:
    """C of one arithmetic, and the names of its calls."""
    words, number = WORDS[t], "q15_t" if t == "q15" else "float32_t"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2048)
    drawn = (noise * 32768).astype(int) if t == "q15" else noise
    calls = {name.replace(" ", "_"): call.format(**words) for name, (call, _) in PIECES.items() if name not in IMAGE}
    calls |= {f"mfcc_{n}": f"arm_mfcc_{t}(&mfcc{n}, a, c, room)" for n, _, _ in SIZES}
    setup = "".join(words["init"].format(n=n) for n, _, _ in SIZES) + f"arm_mat_init_{t}(&matrix, 10, 40, b);"
    shift = ", 1" if t == "q15" else ""
    setup += f"arm_biquad_cascade_df1_init_{t}(&biquad, 2, b, ({number} *)room{shift});"
    setup += "".join(
        f"arm_mfcc_init_{t}(&mfcc{n}, {n}, {m}, {k}, dct{n}, places{n}, lengths{n}, weights{n}, window{n});"
        for n, m, k in SIZES
    )
    ffts = "fft_fast_instance_f32" if t == "f32" else "fft_instance_q15"
    head = '#include "arm_math.h"\n' + array("a", number, drawn) + array("b", number, drawn) + tables(t)
    head += array("long_a", "q31_t", np.abs(noise[:40] * 2**31).astype(int)) + "static q31_t long_c[64];\n"
    head += f"static {number} c[4096], peak; static uint32_t place; static arm_matrix_instance_{t} matrix;\n"
    head += f"static {'q31_t' if t == 'q15' else number} room[4096];\n"
    head += f"static arm_biquad_casd_df1_inst_{t} biquad;\n"
    head += "".join(f"static arm_r{ffts} fft{n}; static arm_mfcc_instance_{t} mfcc{n};\n" for n, _, _ in SIZES)
    body = "".join(f"__attribute__((used)) void tk_{name}(void) {{ {call}; }}\n" for name, call in calls.items())
    head += "".join(f"void tk_{name}(void);\n" for name in IMAGE)
    named = ", ".join(f"tk_{name}" for name in (*calls, *IMAGE))
    table = f"__attribute__((used)) void *const tk_all[] = {{{named}}};\n"
    return head + body + table + f"void *const *tk_setup(void) {{ {setup} return tk_all; }}\n", [*calls, *IMAGE]


def build(source: Path, folder: Path, name: str) -> tuple[Firmware, list[str]]:
    text, calls = program(name.partition("_")[0])
    core = folder / "core"
    for path, data in read_library(("dense",)).items():
        (core / path).parent.mkdir(parents=True, exist_ok=True)
        (core / path).write_bytes(data)
    (folder / "main.c").write_text(text)
    files = [str(source / f"Source/{one}Functions/{one}Functions.c") for one in GROUPS]
    files += [str(folder / "main.c"), str(Path(__file__).with_name("front_end_image.c"))]
    files += [str(source / "Source/CommonTables/CommonTables.c")]
    include = [f"-I{source / 'Include'}", f"-I{source / 'PrivateInclude'}", f"-I{core / 'cmsis_core/Include'}"]
    command = ["arm-none-eabi-gcc", *CORES[name][0].split(), *FLAGS.split(), *include, *files, *LINK.split()]
    subprocess.run([*command, "-o", str(folder / "a.elf")], check=True)
    return read_elf((folder / "a.elf").read_bytes()), calls


def count(firmware: Firmware, calls: Iterable[str], model: int) -> Iterator[tuple[str, int]]:
    """Instructions of each call, the calling one and the return of the wrapper included."""
    engine, stop = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB), 0xF000
    engine.ctl_set_cpu_model(model)
    engine.mem_map(0, 1 << 24)
    engine.mem_map(0xE000E000, 4096)
    engine.mem_map(1 << 29, 1 << 16)
    for address, data in firmware.segments:
        engine.mem_write(address, data)
    if model == arm_const.UC_CPU_ARM_CORTEX_M4:
        engine.mem_write(0xE000ED88, (0xF << 20).to_bytes(4, "little"))
        engine.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
    seen = [0]
    engine.hook_add(unicorn.UC_HOOK_CODE, lambda *_: seen.__setitem__(0, seen[0] + 1))
    for name in ("setup", *calls):
        seen[0] = 0
        engine.reg_write(arm_const.UC_ARM_REG_SP, (1 << 29) + (1 << 16) - 64)
        engine.reg_write(arm_const.UC_ARM_REG_LR, stop | 1)
        engine.emu_start(firmware.address_of(f"tk_{name}") | 1, stop)
        if name != "setup":
            yield name, seen[0]


def main() -> None:
    shelf = load_constants("power", "frontend.toml")
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(sys.argv[1]) as archive:
            archive.extractall(name, filter="data")
        source = next(Path(name).glob("cmsisdsp-*"))
        for arithmetic, (_, model) in CORES.items():
            firmware, calls = build(source, Path(name), arithmetic)
            for call, found in count(firmware, calls, model):
                kind, _, points = call.partition("_")
                work = 1 if kind == "mfcc" else PIECES[call.replace("_", " ")][1]
                whole = kind == "mfcc"
                kept = shelf["counted"].get(f"mfcc_{arithmetic}_{points}") if whole else shelf[arithmetic].get(kind)
                said = f", kept {kept.value:g}" if kept else ""
                print(f"{arithmetic:10} {call:10} {found:7} in all, {found / work:9.5g} each{said}")


if __name__ == "__main__":
    main()
