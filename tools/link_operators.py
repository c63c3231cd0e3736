"""Flash by operator: `python -m tools.link_operators [--tflm FOLDER …]` makes data/firmware/linked_operators.csv.

With `--tflm` each operator is linked with GCC from Debian (gcc-arm-none-eabi, and libstdc++-arm-none-eabi-dev for its
headers) beside others and without it, and the rows of that core, kernel set and build are replaced by what the images
say. Without, only the rows that were not linked are made again: scaled from those of Cortex-M4 with CMSIS-NN by what
the sets of operators in data/firmware/linked_sizes.toml take, and wider.

TFLM's C++ sources are in no registry. A tree with all that is needed (kernels of both sets, CMSIS-NN, flatbuffers,
gemmlowp, ruy) is `src` of the Pico library (github.com/raspberrypi/pico-tflmicro) or of the Arduino library
(github.com/tensorflow/tflite-micro-arduino-examples), or what `create_tflm_tree.py` (tensorflow/lite/micro/tools/
project_generation, with --makefile_options=OPTIMIZED_KERNEL_DIR=cmsis_nn) writes in github.com/tensorflow/tflite-micro.
"""

from __future__ import annotations

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinykit.ground.facts import read_csv, read_toml, shipped_path
from tinykit.model.operators.table import row_of
from tinykit.predict.flash import ARITHMETIC, INTERPRETER, OTHER

TABLE = shipped_path("data", "firmware", "linked_operators.csv")
SIZES = shipped_path("data", "firmware", "linked_sizes.toml")
CORE, KERNELS, BUILDS = "cortex-m4", "tflm-cmsis-nn", ("-Os", "-O3")
BASE = "FULLY_CONNECTED"
"""The kernel that the shared arithmetic is told from."""

LINKED_DOUBT = 0.05
"""Fourteen sets linked with an older TFLM stray by 1.7 % at most, three linked with a newer one by 3.7 %."""
CARRIED_DOUBT = 0.05
"""Beside that for another core, at least: its three sets stray by 7 % at most from the sums, and by more where each is
left out of the scale in turn (`stray`), on Cortex-M55."""
SHARE_DOUBT = 0.10
"""Beside that for a kernel taken as a share of CMSIS-NN's."""
OTHER_BYTES, OTHER_DOUBT = 2600, 0.8
"""A kernel linked nowhere: near the median of those linked, assumed."""
LARGER, LARGER_DOUBT = 1.4, 0.5
"""A kernel linked at -Os alone, at -O3: the median of 21 linked at both, which run from 1.03 to 4.9."""
REFERENCE_SHARES = {
    "CONV_2D": (0.295, 0.367), "DEPTHWISE_CONV_2D": (0.295, 0.367), "AVERAGE_POOL_2D": (0.295, 0.367),
    "MAX_POOL_2D": (0.295, 0.367), "FULLY_CONNECTED": (0.295, 0.24), "SOFTMAX": (0.55, 0.55),
    "TRANSPOSE_CONV": (0.5, 0.5), "SVDF": (0.5, 0.5), "UNIDIRECTIONAL_SEQUENCE_LSTM": (0.6, 0.6),
}  # fmt: skip
"""What a reference kernel takes of CMSIS-NN's, at -Os and -O3: solved from kws, ic and ad linked with both on
Cortex-M4; those of the last three, which are in none, assumed. Other kernels are the same code in both."""
_HEAD = """\
# source: TFLM and CMSIS-NN as carried by raspberrypi/pico-tflmicro, linked with GCC 12.2 for Cortex-M4F, \
--gc-sections, strings stripped, generic registrations, about 120 links: code and read-only data without the model
# content: bytes that a part of the image adds beside others, and the doubt about them as a fraction; where the kernel \
in `beside` is linked too, `beside_bytes`. The interpreter with its allocators is in every image, the shared
# arithmetic in each that computes. Rows that were not linked are scaled by the sets of linked_sizes.toml. Made by
# tools/link_operators.py
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an image, for a core, a kernel set and a build; bytes.

    Parameters
    ----------
    how : "linked" or "scaled".
    doubt : fraction of the bytes.
    beside, beside_bytes : a kernel that shares code with it, and what it adds beside that one.
    """

    core: str
    runtime: str
    build: str
    operator: str
    how: str
    bytes: int
    doubt: float
    beside: str = ""
    beside_bytes: int | None = None

    @property
    def of(self) -> tuple[str, str, str]:
        """Core, kernel set and build."""
        return self.core, self.runtime, self.build


# What links say


def measure(
    link: Callable[[tuple[str, ...]], int], operators: Sequence[str], sharing: Mapping[str, str] | None = None
) -> dict[str, tuple[int, str, int | None]]:
    """Bytes of each part, the kernel it shares code with, and its bytes beside that one.

    Parameters
    ----------
    link : bytes of an image with these operators registered.
    operators : to be told apart; `BASE` among them.
    sharing : pairs to be linked together, such as MAX_POOL_2D with AVERAGE_POOL_2D.
    """
    bare, base = link(()), link((BASE,))
    beside = {one: link((BASE, one)) - base for one in operators if one != BASE}
    other = next(one for one in operators if one != BASE and one in REFERENCE_SHARES)
    own = link((BASE, other)) - link((other,))
    found: dict[str, tuple[int, str, int | None]] = {
        INTERPRETER: (bare, "", None), ARITHMETIC: (base - bare - own, "", None), BASE: (own, "", None),
    }  # fmt: skip
    for one, nbytes in beside.items():
        partner = (sharing or {}).get(one, "")
        shared = link((BASE, partner, one)) - base - beside[partner] if partner else None
        found[one] = (nbytes, partner, shared)
    return found


def add_up(parts: Mapping[str, Part], operators: Iterable[str]) -> int:
    """Bytes of an image of some operators."""
    names = {*operators}
    each = [parts[name] for name in (INTERPRETER, ARITHMETIC, *names)]
    return sum(one.beside_bytes or 0 if one.beside in names else one.bytes for one in each)


# What was not linked


def derive(linked: Sequence[Part]) -> list[Part]:
    """The whole table: parts as linked, and scaled ones for every other core, kernel set and build that has sets."""
    table, parts = read_toml(SIZES), []
    sizes = {(row["core"], row["runtime"], row["build"]): row for row in table["sizes"]}
    base = {build: _complete({one.operator: one for one in linked if one.of == (CORE, KERNELS, build)}, linked, build)
            for build in BUILDS}  # fmt: skip
    for of, row in sizes.items():
        own = {one.operator: one for one in linked if one.of == of}
        if own:
            parts += _complete(own, linked, of[2]).values()
            continue
        first = sizes[CORE, of[1], of[2]]
        scale = statistics.mean(row[network] / first[network] for network in table["networks"])
        scaled = {one.operator: _scale(one, of, scale) for one in base[of[2]].values()}
        more = stray(scaled, row, table["networks"]) - CARRIED_DOUBT if of[0] != CORE else 0.0
        parts += [replace(one, doubt=round(min(one.doubt + max(0.0, more), OTHER_DOUBT), 3)) for one in scaled.values()]
    return parts


def stray(parts: Mapping[str, Part], row: Mapping[str, Any], networks: Mapping[str, Sequence[str]]) -> float:
    """The most that a set of a core strays from the sum of its parts, scaled by the other sets alone."""
    said = {name: row[name] / add_up(parts, operators) for name, operators in networks.items()}
    return max(abs(statistics.fmean(said[other] for other in said if other != name) / own - 1)
               for name, own in said.items())  # fmt: skip


def _complete(own: Mapping[str, Part], linked: Sequence[Part], build: str) -> dict[str, Part]:
    """With kernels that were linked at -Os alone, and one for those linked nowhere."""
    of = next(iter(own.values())).of
    larger = LARGER if build == "-O3" else 1.0
    small = {one.operator: one for one in linked if one.of == (*of[:2], "-Os")}
    guessed = {
        name: replace(one, build=build, how="scaled", bytes=round(larger * one.bytes), doubt=LARGER_DOUBT,
                      beside_bytes=round(larger * one.beside_bytes) if one.beside_bytes else None)
        for name, one in small.items() if name not in own
    }  # fmt: skip
    other = Part(*of, OTHER, "scaled", round(larger * OTHER_BYTES), OTHER_DOUBT)
    return {**own, **guessed, OTHER: other}


def _scale(part: Part, of: tuple[str, str, str], scale: float) -> Part:
    doubt, share = part.doubt, 1.0
    if of[0] != CORE:
        doubt += CARRIED_DOUBT
    if of[1] != KERNELS:
        share = REFERENCE_SHARES.get(part.operator, (1.0, 1.0))[of[2] == "-O3"]
        doubt += SHARE_DOUBT if share < 1 else 0.0
    beside = None if part.beside_bytes is None else round(scale * share * part.beside_bytes)
    nbytes = round(scale * share * part.bytes)
    return Part(*of, part.operator, "scaled", nbytes, round(min(doubt, OTHER_DOUBT), 3), part.beside, beside)


def read_parts() -> list[Part]:
    """The rows of the table."""
    return [
        Part(*(row[name] for name in ("core", "runtime", "build", "operator", "how")), int(row["bytes"]),
             float(row["doubt"]), row["beside"], int(row["beside_bytes"]) if row["beside_bytes"] else None)
        for row in read_csv(TABLE).rows
    ]  # fmt: skip


def write_parts(parts: Sequence[Part], path: Path = TABLE) -> None:
    """Write the table."""
    columns = [*Part.__dataclass_fields__]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_HEAD)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for one in parts:
            cells = (getattr(one, column) for column in columns)
            writer.writerow("" if cell is None else cell for cell in cells)


# The linker

_FLAGS = {
    "cortex-m0plus": "-mcpu=cortex-m0plus", "cortex-m4": "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
    "cortex-m7": "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
    "cortex-m33": "-mcpu=cortex-m33 -mfloat-abi=hard",
    "cortex-m55": "-mcpu=cortex-m55 -mfloat-abi=hard", "cortex-m85": "-mcpu=cortex-m85 -mfloat-abi=hard",
}  # fmt: skip
_MAIN = """\
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"
extern const unsigned char model[];
alignas(16) static unsigned char arena[4096];
int main() {{
  static tflite::MicroMutableOpResolver<{count}> resolver;
{adds}  static tflite::MicroInterpreter interpreter(tflite::GetModel(model), resolver, arena, sizeof arena);
  return interpreter.AllocateTensors() == kTfLiteOk ? interpreter.Invoke() : 1;
}}
void operator delete(void*) noexcept {{}}
void operator delete(void*, decltype(sizeof 0)) noexcept {{}}
extern "C" void __cxa_pure_virtual() {{ for (;;) {{}} }}
extern "C" void _exit(int) {{ for (;;) {{}} }}
alignas(16) const unsigned char model[16] = {{0}};
"""
_LEFT_OUT = re.compile(r"test|benchmark|example|/python/|/tools/|hexagon|xtensa|arc_mli|ethos|ceva|/main\.|signal/")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Sources of TFLM, and how they are compiled; objects are kept in a folder."""

    tflm: Path
    objects: Path
    core: str
    runtime: str
    build: str

    def list_sources(self) -> list[Path]:
        """Those of the kernel set: a kernel of CMSIS-NN's takes the place of the reference's of the same name."""
        every = [path for path in self.tflm.rglob("*.c*") if path.suffix in (".c", ".cc", ".cpp")]
        every = [path for path in every if not _LEFT_OUT.search("/" + path.relative_to(self.tflm).as_posix().lower())]
        own = {path.name for path in every if path.parent.name == "cmsis_nn" and "kernels" in path.parts}
        if self.runtime != KERNELS:
            return [path for path in every if "cmsis" not in path.as_posix().lower()]
        return sorted(path for path in every if path.name not in own or path.parent.name == "cmsis_nn")

    def flags(self) -> list[str]:
        """Compiler flags of a file."""
        folders = (self.tflm, *(path for path in self.tflm.rglob("*") if path.is_dir() and _is_root(path)))
        cmsis = ["-DCMSIS_NN"] if self.runtime == KERNELS else []
        flags = [
            *_FLAGS[self.core].split(), "-mthumb", self.build, *cmsis, "-DTF_LITE_STATIC_MEMORY",
            "-DTF_LITE_STRIP_ERROR_STRINGS", "-DNDEBUG", "-ffunction-sections", "-fdata-sections",
        ]  # fmt: skip
        return [*flags, *(f"-I{folder}" for folder in folders)]

    def compile(self, source: Path, target: Path) -> None:
        """One object."""
        cpp = [] if source.suffix == ".c" else ["-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics"]
        compiler = "arm-none-eabi-gcc" if source.suffix == ".c" else "arm-none-eabi-g++"
        subprocess.run([compiler, *self.flags(), *cpp, "-c", str(source), "-o", str(target)], check=True)

    def compile_all(self) -> list[Path]:
        """Objects of all sources; those that are there already stay."""
        objects = []
        for source in self.list_sources():
            target = self.objects / (re.sub(r"\W", "_", str(source.relative_to(self.tflm))) + ".o")
            if not target.exists():
                self.compile(source, target)
            objects.append(target)
        return objects

    def link(self, operators: tuple[str, ...]) -> int:
        """Bytes of code and read-only data of an image with these operators."""
        main, image = self.objects / "main.cc", self.objects / "image.elf"
        adds = "".join(f"  resolver.Add{row_of(name).method}();\n" for name in operators)
        main.write_text(_MAIN.format(count=max(1, len(operators)), adds=adds), encoding="utf-8")
        self.compile(main, main.with_suffix(".main"))
        objects = [*map(str, self.compile_all()), str(main.with_suffix(".main"))]
        flags = [
            *_FLAGS[self.core].split(),
            "-mthumb",
            "--specs=nano.specs",
            "--specs=nosys.specs",
            "-Wl,--gc-sections",
        ]
        subprocess.run(["arm-none-eabi-gcc", *flags, *objects, "-lm", "-o", str(image)], check=True)
        told = subprocess.run(["arm-none-eabi-size", str(image)], check=True, capture_output=True, text=True).stdout
        return int(told.splitlines()[1].split()[0])


def _is_root(folder: Path) -> bool:
    """Whether includes start there."""
    return folder.name in ("flatbuffers", "gemmlowp", "ruy", "cmsis_nn", "Include", "kissfft", "third_party")


def main(arguments: Sequence[str]) -> int:
    """Link what is asked for, then make the table again."""
    parser = argparse.ArgumentParser(prog="link_operators", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tflm", type=Path, help="folder of TFLM's C++ sources")
    parser.add_argument("--core", choices=[*_FLAGS], default=CORE)
    parser.add_argument("--runtime", choices=[KERNELS, "tflm-reference"], default=KERNELS)
    parser.add_argument("--build", choices=[*BUILDS], default="-Os")
    asked = parser.parse_args(arguments)
    linked = [one for one in read_parts() if one.how == "linked"]
    if asked.tflm:
        of = (asked.core, asked.runtime, asked.build)
        known = [one for one in linked if one.of == (CORE, KERNELS, "-Os")]
        operators = [one.operator for one in known if row_of(one.operator).method]
        sharing = {one.operator: one.beside for one in known if one.beside}
        with tempfile.TemporaryDirectory() as objects:
            told = measure(Toolchain(asked.tflm, Path(objects), *of).link, operators, sharing)
        linked = [one for one in linked if one.of != of]
        linked += [Part(*of, name, "linked", size, LINKED_DOUBT, *more) for name, (size, *more) in told.items()]
    write_parts(derive(linked))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
