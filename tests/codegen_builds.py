"""Exports compiled for this machine into one program, under the compiler's memory and arithmetic checks."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest

from tinykit.handover.codegen.export import HOST_DEFINES
from tinykit.handover.codegen.writing import _SOURCES as SOURCES

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CHECKS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
_KERNELS = "\n".join(path.read_text() for path in SOURCES.glob("*.[ch]"))
KERNEL_NAMES = sorted(set(re.findall(r"\btk_(\w+)", _KERNELS)))
KERNEL_MACROS = sorted(set(re.findall(r"\bTK_(\w+)", _KERNELS)))

MAIN = """
#include <stdint.h>
#include <stdio.h>
%s
static int8_t input[1 << 20], output[1 << 20];
%s
static const struct { int (*run)(void); int (*check)(void); unsigned input, output; } models[] = {
%s
};
int main(void)
{
    uint32_t index;
    while (fread(&index, sizeof index, 1, stdin) == 1) {
        if (fread(input, 1, models[index].input, stdin) != models[index].input) return 2;
        if (models[index].check() != 0) return 3;
        if (models[index].run() != 0) return 4;
        if (fwrite(output, 1, models[index].output, stdout) != models[index].output) return 5;
    }
    return 0;
}
"""


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def write(export, folder):
    for path, data in export.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def run_tool(command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(map(str, command[:6]))}\n{done.stderr[:3000]}"
    return done.stdout


class Built:
    """A program that runs any of its models on what it reads."""

    def __init__(self, program, exports):
        self.program, self.exports = program, list(exports)

    def run(self, batches):
        """Outputs int8 [n, bytes] of each model for its inputs int8 [n, bytes]."""
        asked = b"".join(struct.pack("<I", index) + row.tobytes() for index, rows in enumerate(batches) for row in rows)
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run([self.program], input=asked, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, (done.returncode, done.stderr.decode()[:3000])
        flat, start, outputs = np.frombuffer(done.stdout, np.int8), 0, []
        for export, rows in zip(self.exports, batches, strict=True):
            end = start + len(rows) * export.output_bytes
            outputs.append(flat[start:end].reshape(len(rows), -1))
            start = end
        assert start == len(flat)
        return outputs


def _main(exports, header):
    includes = [f'#include "{header.format(export.name)}"' for export in exports]
    calls = [f"static int run_{one.name}(void) {{ return {one.name}_run(input, output); }}" for one in exports]
    rows = [
        f"    {{run_{one.name}, {one.name}_scratch_check, {one.name.upper()}_INPUT_BYTES, "
        f"{one.name.upper()}_OUTPUT_BYTES}},"
        for one in exports
    ]
    return MAIN % ("\n".join(includes), "\n".join(calls), "\n".join(rows))


def build(export, folder, *, checks=True):
    """One export exactly as written, warnings being errors."""
    write(export, folder)
    (folder / "main.c").write_text(_main([export], "model.h"))
    flags = [*export.compiler_flags(str(folder)), *(f"-D{define}" for define in HOST_DEFINES), *WARNINGS]
    sources = [str(folder / source) for source in ("main.c", *export.sources)]
    run_tool([tool("gcc"), "-O1", *flags, *(CHECKS if checks else []), *sources, "-o", str(folder / "main")])
    return Built(str(folder / "main"), [export])


def build_many(exports, folder):
    """Many exports on one copy of the kernels: `g7_conv_2d` is called `tk_conv_2d` in all of them."""
    (folder / "objects").mkdir(parents=True)
    for export in exports:
        texts = {path: data.decode() for path, data in export.files.items()}
        kernels = {path: text for path, text in texts.items() if path not in ("model.h", "model.c", "weights.c")}
        for path, text in kernels.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(_share(export, text))
        (folder / f"{export.name}.h").write_text(texts["model.h"])
        joined = texts["model.c"] + texts["weights.c"]
        (folder / f"{export.name}.c").write_text(_share(export, joined).replace('"model.h"', f'"{export.name}.h"'))
    (folder / "main.c").write_text(_main(exports, "{}.h"))
    first = max(exports, key=lambda export: len(export.compiler_flags()))
    flags = [*first.compiler_flags(str(folder)), *(f"-D{define}" for define in HOST_DEFINES), *WARNINGS, *CHECKS]
    sources = sorted(str(path) for path in folder.rglob("*.c"))
    _compile([tool("gcc"), "-O0", *flags, "-c"], sources, folder / "objects")
    objects = sorted(str(path) for path in (folder / "objects").glob("*.o"))
    run_tool([tool("gcc"), *CHECKS, *objects, "-o", str(folder / "main")])
    return Built(str(folder / "main"), exports)


def _share(export, text):
    name = re.escape(export.name)
    text = re.sub(rf"\b{name}_(?=({'|'.join(KERNEL_NAMES)})\b)", "tk_", text)
    return re.sub(rf"\b{name.upper()}_({'|'.join(KERNEL_MACROS)})\b", r"TK_\1", text)


def _compile(command, sources, folder):
    """Two compilers side by side; each takes many sources in one go."""
    running = [
        subprocess.Popen([*command, *sources[start::2]], cwd=folder, stderr=subprocess.PIPE, text=True)
        for start in (0, 1)
        if sources[start::2]
    ]
    said = [one.communicate()[1] for one in running]
    assert not any(one.returncode for one in running), "".join(said)[:3000]
