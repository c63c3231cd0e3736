"""The files around an exported C program: golden vectors, self-test, main, CMake, README."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen import HOST_DEFINES, CExport
from tinykit.handover.deployment.cycle_counter import CYCLE_COUNTER_H


def write_self_test(
    export: CExport,
    about: tuple[str, ...],
    inputs: NDArray[np.uint8],
    outputs: NDArray[np.uint8],
    readme: Mapping[str, str],
) -> dict[str, str]:
    """Relative path -> text; inputs and outputs are raw bytes [n, bytes], `about` is safe for a comment."""
    values = {
        "name": export.name,
        "guard": export.name.upper(),
        "about": "\n".join(["/*", *(f" * {line}" for line in about), " */"]),
        "sha256": export.model_sha256,
        "sha12": export.model_sha256[:12],
        "kernels": export.kernels,
        "vectors": str(len(inputs)),
        "input_bytes": str(export.input_bytes),
        "output_bytes": str(export.output_bytes),
        "inputs": _rows(inputs),
        "outputs": _rows(outputs),
        "sources": "\n".join(f"    src/{source}" for source in export.sources),
        "folders": "\n".join(f"    {_join('src', folder)}" for folder in export.include_folders),
        "definitions": " ".join(export.defines),
        "definitions_text": ", ".join(f"`{define}`" for define in export.defines) or "none",
        "options_text": _options(export) + _host_text(export),
        **readme,
    }
    files = {path: Template(text.lstrip("\n")).substitute(values) for path, text in _TEMPLATES.items()}
    return files | {"src/cycle_counter.h": CYCLE_COUNTER_H}


def _join(folder: str, path: str) -> str:
    return folder if path == "." else f"{folder}/{path}"


def _options(export: CExport) -> str:
    """What GCC is told of single files so that they execute what TensorFlow Lite Micro's kernels execute."""
    told = ((source, export.gcc_flags(source, "cortex-m4")) for source in export.sources)
    lines = [f"`src/{source}` with `{' '.join(flags)}`" for source, flags in told if flags]
    if not lines:
        return ""
    return (
        "\nWith GCC, for cores with the DSP extension, TensorFlow Lite Micro builds "
        f"{', '.join(lines)}: the same results, and its instruction counts.\n"
    )


def _host_text(export: CExport) -> str:
    """How an export with CMSIS-NN is compiled where there are no Arm headers; the kit's own kernels need nothing."""
    if not export.defines:
        return ""
    return f"\nOn a computer instead of an Arm core, add {' and '.join(f'`-D{one}`' for one in HOST_DEFINES)}.\n"


def _rows(table: NDArray[np.uint8]) -> str:
    rows = (",".join(str(value) for value in row) for row in table.view(np.int8).tolist())
    return "\n".join(f"    {{{row}}}," for row in rows)


_TEMPLATES = {
    "src/golden_vectors.h": """
/* Inputs with the outputs of TensorFlow Lite Micro's reference kernels, the tensors of a sample one after the other. */
$about
#ifndef ${guard}_GOLDEN_VECTORS_H_
#define ${guard}_GOLDEN_VECTORS_H_

#include <stdint.h>

#define ${guard}_GOLDEN_VECTORS $vectors

static const int8_t ${name}_golden_inputs[$vectors][$input_bytes] = {
$inputs
};

static const int8_t ${name}_golden_outputs[$vectors][$output_bytes] = {
$outputs
};

#endif
""",
    "src/self_test.h": """
/* Runs the golden vectors and says what came out, line by line. */
$about
#ifndef ${guard}_SELF_TEST_H_
#define ${guard}_SELF_TEST_H_

#ifdef __cplusplus
extern "C" {
#endif

/* Calls put with each line, without an end of line; returns how many vectors failed. */
int ${name}_self_test(void (*put)(const char *line));

#ifdef __cplusplus
}
#endif

#endif
""",
    "src/self_test.c": """
$about
#include "self_test.h"

#include <stdint.h>

#include "cycle_counter.h"
#include "golden_vectors.h"
#include "model.h"

#define LINE_BYTES 128
#define HEAD "TINYKIT selftest v1 model=$sha12"

static int8_t output[${guard}_OUTPUT_BYTES];

static char *write_text(char *to, const char *text)
{
    while (*text != '\\0') {
        *to++ = *text++;
    }
    *to = '\\0';
    return to;
}

static char *write_number(char *to, const char *key, uint32_t value)
{
    char digits[11];
    int count = 0;
    to = write_text(to, key);
    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    while (count > 0) {
        *to++ = digits[--count];
    }
    *to = '\\0';
    return to;
}

static int run_vector(uint32_t vector, char *line)
{
    const uint32_t start = tinykit_cycles();
    const int failed = ${name}_run(${name}_golden_inputs[vector], output);
    const uint32_t cycles = tinykit_cycles() - start;
    int equal = failed == 0;
    for (int32_t i = 0; i < ${guard}_OUTPUT_BYTES; ++i) {
        equal = equal && output[i] == ${name}_golden_outputs[vector][i];
    }
    char *end = write_number(write_text(line, HEAD), " vector=", vector);
    end = write_number(end, " equal=", equal ? 1u : 0u);
    if (cycles != 0u) {
        (void)write_number(end, " cycles=", cycles);
    }
    return equal;
}

int ${name}_self_test(void (*put)(const char *line))
{
    char line[LINE_BYTES];
    uint32_t failed = 0;
    tinykit_start_cycles();
    char *end = write_number(write_text(line, HEAD " target=c kernels=$kernels"), " vectors=", $vectors);
    end = write_number(end, " arena=", ${guard}_ARENA_BYTES);
    if (TINYKIT_CLOCK_HZ != 0) {
        (void)write_number(end, " clock_hz=", TINYKIT_CLOCK_HZ);
    }
    put(line);
    for (uint32_t vector = 0; vector < $vectors; ++vector) {
        failed += run_vector(vector, line) ? 0u : 1u;
        put(line);
    }
    (void)write_number(write_text(line, HEAD), " failed=", failed);
    put(line);
    return (int)failed;
}
""",
    "main/main.c": """
/* Checks the model against its golden vectors, says PASS or FAIL. On a board, send stdout to the serial port. */
$about
#include <stdio.h>

#include "self_test.h"

static void put(const char *line)
{
    printf("%s\\r\\n", line);
}

int main(void)
{
    const int failed = ${name}_self_test(put);
    if (failed != 0) {
        printf("FAIL: %d golden vectors differ\\r\\n", failed);
        return 1;
    }
    printf("PASS: golden vectors are equal\\r\\n");
    return 0;
}
""",
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.16)
project($name C)

add_library(tinykit_$name STATIC
$sources
)
target_include_directories(tinykit_$name PUBLIC
$folders
)
target_compile_definitions(tinykit_$name PUBLIC $definitions)
target_compile_features(tinykit_$name PUBLIC c_std_11)

add_executable(tinykit_${name}_self_test main/main.c src/self_test.c)
target_link_libraries(tinykit_${name}_self_test PRIVATE tinykit_$name)
""",
    "README.md": """
# $name: a model as C

| | |
|---|---|
| model | sha256 `$sha256` |
| accuracy | $accuracy |
| weights | $weight_bytes bytes, constant |
$arenas
| golden vectors | $vectors, from TensorFlow Lite Micro's reference kernels |
| kernels | $kernels |

C11, no heap, no C library but `memcpy`, no floating point. The arena is static and belongs to this program: it is not
the tensor arena of TensorFlow Lite Micro, which needs more for the same model. $licence

## Use

```c
#include "model.h"
int failed = ${name}_run(input, output);   /* $input_bytes bytes in, $output_bytes bytes out; 0 is success */
```

Add the C files below `src/` to your project, with these include folders and definitions:

```
$folders
```

Definitions: $definitions_text.
$options_text
Or `add_subdirectory` this folder with CMake and link `tinykit_$name`. Build with `-O2` or `-O3`.

## Operators

$operators

## Check on the device

1. Build `main/main.c` and `src/self_test.c` along, with `-DTINYKIT_CLOCK_HZ=<core clock>`; send `stdout` to the
   serial port.
2. Read `PASS`. Lines that begin with `TINYKIT selftest v1` carry equality and, where the core counts them, cycles:
   keep the log, `tinykit.handover.deployment.read_self_test_log` reads it.
3. Quantise features as the model was trained: q = round(x / scale) + zero point, halves away from zero.
""",
}
