"""`python -m tools.front_end_own`: counts the kit's own `front_end.c` for the tables int32 of data/power/frontend.toml.

Whole front ends of many sizes are compiled with -O2 as `deploy` writes them, run on noise in an emulator, and the cost
of a piece of work is fitted to what all of them executed, each weighed alike. Needs arm-none-eabi-gcc and the extra
`virtual-board`. Printed are the pieces beside the shelf's, and what each whole front end strays by.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from unicorn import arm_const

from tests.models import Net
from tinykit.budget.power.frontend import front_end_of, list_work
from tinykit.handover.deployment.front_end import Preparation, write_front_end
from tinykit.handover.virtual_board.building import read_elf
from tinykit.model.graph.reading import read
from tinykit.predict.energy.inputs import load_constants
from tinykit.train.datasets.dataset import Normalisation
from tinykit.train.fronts.bound import BoundFront
from tinykit.train.fronts.front import Front
from tools.front_end_counts import CORES, count

FLAGS = (
    "-mthumb -std=c99 -O2 -ffunction-sections -nostartfiles -nostdlib -Wl,--gc-sections -Wl,-etk_run -Wl,-Ttext=0x10000"
)
PIECES = ("sample", "tap", "normalise", "fft", "bin", "band", "mac")
RATE_HZ = 16_000.0


def fronts() -> Iterator[BoundFront]:
    """Front ends of many sizes, each of two frames or more."""
    for points in (64, 128, 256, 512, 1024, 2048):
        for bands in (8, 16, min(64, points // 4)):
            yield Front(features="fft", bands=bands, frame_s=points / RATE_HZ).bind((points * 3 // 2, 1), RATE_HZ)
    for frame_s, bands, coefficients in (
        (0.016, 20, 13),
        (0.03, 40, 10),
        (0.03, 26, 26),
        (0.064, 40, 13),
        (0.025, 32, 32),
    ):
        for features in ("log-mel", "mfcc"):
            front = Front(features=features, frame_s=frame_s, bands=bands, coefficients=coefficients)
            yield front.bind((2400, 1), RATE_HZ)
    for factor in (1, 2, 5):
        for channels in (1, 3):
            yield Front(rate_hz=RATE_HZ / factor).bind((1600, channels), RATE_HZ)


def run(front: BoundFront, flags: str, model: int) -> int:
    """Instructions of one front end on noise."""
    graph = read(Net((1, *front.shape)).unary("RELU").to_bytes())
    prepared = Preparation(front, Normalisation((0.0,) * len(front.channels), (1.0,) * len(front.channels)))
    _, files, _ = write_front_end(prepared, graph, None, name="counted", lines=("Counted.",))
    noise = np.random.default_rng(0).integers(-9000, 9000, front.samples * front.factor * front.recorded).tolist()
    text = '#include "front_end.h"\nstatic const int16_t raw[] = {' + ",".join(map(str, noise)) + "};\n"
    text += "static int8_t codes[COUNTED_FRONT_END_BYTES];\n"
    text += "__attribute__((used)) void tk_run(void) { counted_front_end(raw, codes); }\nvoid tk_setup(void) { }\n"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in ("front_end.c", "front_end.h"):
            (folder / path).write_text(files[f"src/{path}"])
        (folder / "main.c").write_text(
            text + "__attribute__((used)) void (*const tk_all[])(void) = {tk_run, tk_setup};\n"
        )
        sources = [str(folder / "front_end.c"), str(folder / "main.c")]
        kept = ["-Wl,-utk_setup", "-Wl,-utk_all"]
        command = [
            "arm-none-eabi-gcc",
            *flags.split(),
            *FLAGS.split(),
            *kept,
            *sources,
            "-lgcc",
            "-o",
            str(folder / "a.elf"),
        ]
        subprocess.run(command, check=True)
        return next(found for _, found in count(read_elf((folder / "a.elf").read_bytes()), ["run"], model))


def fit(work: np.ndarray) -> np.ndarray:
    """Instructions of each piece, where all of them together are 1; at least one a bin, which mel weights take."""
    each, *_ = np.linalg.lstsq(work, np.ones(len(work)), rcond=None)
    place = PIECES.index("bin")
    if each[place] < 1:
        others = np.delete(work, place, 1)
        found, *_ = np.linalg.lstsq(others, 1 - work[:, place], rcond=None)
        each = np.insert(found, place, 1.0)
    return each


def main() -> None:
    shelf = load_constants("power", "frontend.toml")
    for table, core, model in (("int32", "q15", arm_const.UC_CPU_ARM_CORTEX_M4),
                               ("int32_plain", "q15_plain", arm_const.UC_CPU_ARM_CORTEX_M0)):  # fmt: skip
        sizes = list(fronts())
        counts = np.array([run(front, CORES[core][0], model) for front in sizes], float)
        ends = [front_end_of(front) for front in sizes]
        work = np.array([[end.frames * list_work(end).get(one, 0.0) for one in PIECES] for end in ends])
        each = fit(work / counts[:, None])
        for piece, found in zip(PIECES, each, strict=True):
            kept = shelf.get(table, {}).get(piece)
            print(f"{table:12} {piece:8} {found:8.2f}" + (f", kept {kept.value:g}" if kept else ""))
        for front, found, told in zip(sizes, counts, work @ each, strict=True):
            label = f"{front.features} {front.frame} of {front.bands} bands, {front.coefficients}, / {front.factor}"
            print(f"{table:12} {label:36} {found:9.0f} {told / found - 1:+7.1%}")


if __name__ == "__main__":
    main()
