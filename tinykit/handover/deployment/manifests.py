"""The files by which Arduino, ESP-IDF, Zephyr and the Pico SDK build an export with the TFLM of their own ecosystem."""

from __future__ import annotations

from string import Template

from tinykit.handover.deployment.sources import Contents


def write_manifests(contents: Contents, *, sha256: str, accuracy: str, precision: str) -> dict[str, str]:
    """Relative path -> text of README and build files; accuracy and precision are safe for a comment."""
    values = {
        "name": contents.name,
        "sha256": sha256,
        "accuracy": accuracy,
        "precision": precision,
        "model_bytes": f"{len(contents.model):,}",
        "arena_bytes": f"{contents.arena_bytes:,}",
        "needed_bytes": f"{contents.needed_bytes:,}",
        "vectors": str(len(contents.golden_inputs)),
        "count": str(len(contents.methods)),
        "operators": "\n".join(f"- `{method}`" for method in contents.methods),
    }
    return {path: Template(text.lstrip("\n")).safe_substitute(values) for path, text in _TEMPLATES.items()}


_TEMPLATES = {
    "README.md": """
# $name: a model for TensorFlow Lite Micro

| | |
|---|---|
| model | sha256 `$sha256` |
| flatbuffer | $model_bytes bytes, $precision |
| accuracy | $accuracy |
| tensor arena | $arena_bytes bytes declared, $needed_bytes predicted for a 32-bit target |
| golden vectors | $vectors, from TFLM's reference kernels |

The TFLM sources are not in this folder. Each build file below pulls in the TFLM of its own ecosystem; none of them
pins a version, so pin the one you ship. The C++ is checked on a host against TFLM's interface; the build files
follow each ecosystem's documentation; they have not been built inside those ecosystems yet.

## Files

- `src/model.h`: `SetUp()`, `Input()`, `Invoke()`, `Output()`, `SelfTest()`, in namespace `$name`.
- `src/model_data.cpp`: the model, aligned to 16 bytes, constant, for flash.
- `src/golden_vectors.h`: inputs and the outputs that must come back.
- `src/cycle_counter.h`: the core's cycle counter, where it has one.
- `main/main.cpp`: sets the model up, runs the self-test, prints PASS or FAIL.
- `deployment.json`: hashes of everything here.

## Operators ($count)

`MicroMutableOpResolver<$count>` registers exactly these:

$operators

## Build

**Arduino** (boards with mbed or ESP32): this folder is a library. Copy it into `libraries/`, install
`Chirale_TensorFLowLite` with the library manager (`library.properties` names it), open the example `self_test`.

**ESP-IDF** (4.4 and later): `cd esp-idf && idf.py set-target esp32s3 && idf.py build flash monitor`.
`idf_component.yml` fetches `espressif/esp-tflite-micro`. ESP-NN rounds in its own way on some chips: a difference
of 1 LSB in the self-test there is no fault of the model.

**Zephyr**: `west init -l zephyr-app && west update && west build -b <board> zephyr-app`, or in a workspace you have:
`west config manifest.project-filter -- +tflite-micro && west update`. On a Cortex-M add
`CONFIG_TENSORFLOW_LITE_MICRO_CMSIS_NN_KERNELS=y`.

**Pico SDK**: with `PICO_SDK_PATH` set, `cmake -S pico -B build && cmake --build build --target $name`.
CMake fetches `raspberrypi/pico-tflmicro`.

## Check on the device

1. Run `main.cpp` and read `PASS`. On `FAIL`, compare kernels and TFLM version first. Keep the log: its lines
   `TINYKIT selftest v1` hold equality and cycles, and `tinykit.handover.deployment.read_self_test_log` reads them.
2. Compare `ArenaUsedBytes()` with `kArenaBytes`: the prediction is for a 32-bit core, and scratch buffers differ by
   core. If `SetUp()` fails, raise `kArenaBytes` in `src/model.h` by a few KiB.
3. Normalise raw samples with the constants in `src/model.h`, then quantise as the model was trained:
   q = round(x / scale) + zero point, halves away from zero, scale and zero point from `Input()->params`.
""",
    "library.properties": """
name=$name
version=0.1.0
author=tinykit export
maintainer=tinykit export
sentence=A model for TensorFlow Lite Micro with its operators, arena and golden vectors.
paragraph=Model sha256 $sha256.
category=Data Processing
url=https://github.com/tensorflow/tflite-micro
architectures=*
depends=Chirale_TensorFLowLite
includes=model.h
""",
    "examples/self_test/self_test.ino": """
// Checks the model against its golden vectors and prints PASS or FAIL at 115200 baud.
#include <Chirale_TensorFlowLite.h>
#include <model.h>

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  const int failed = $name::SelfTest();
  Serial.println(failed == 0 ? "PASS" : "FAIL");
}

void loop() {}
""",
    "esp-idf/CMakeLists.txt": """
cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project($name)
""",
    "esp-idf/main/CMakeLists.txt": """
idf_component_register(
    SRCS "../../main/main.cpp" "../../src/model.cpp" "../../src/model_data.cpp"
    INCLUDE_DIRS "../../src")
""",
    "esp-idf/main/idf_component.yml": """
dependencies:
  idf: ">=4.4"
  espressif/esp-tflite-micro: "^1.3.3"
""",
    "zephyr-app/CMakeLists.txt": """
cmake_minimum_required(VERSION 3.20.0)
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project($name)

# Statics inside functions are initialised once, before any thread: no guard needed, and Zephyr has none.
set(NO_THREADSAFE_STATICS $<TARGET_PROPERTY:compiler-cpp,no_threadsafe_statics>)
zephyr_compile_options($<$<COMPILE_LANGUAGE:CXX>:${NO_THREADSAFE_STATICS}>)

target_include_directories(app PRIVATE ../src)
target_sources(app PRIVATE ../main/main.cpp ../src/model.cpp ../src/model_data.cpp)
""",
    "zephyr-app/prj.conf": """
CONFIG_CPP=y
CONFIG_STD_CPP17=y
CONFIG_REQUIRES_FULL_LIBC=y
CONFIG_TENSORFLOW_LITE_MICRO=y
CONFIG_MAIN_STACK_SIZE=4096
""",
    "zephyr-app/west.yml": """
manifest:
  remotes:
    - name: zephyrproject-rtos
      url-base: https://github.com/zephyrproject-rtos
  projects:
    - name: zephyr
      remote: zephyrproject-rtos
      revision: main
      import: true
  group-filter: [+optional]
  self:
    path: zephyr-app
""",
    "pico/CMakeLists.txt": """
cmake_minimum_required(VERSION 3.14)
include($ENV{PICO_SDK_PATH}/external/pico_sdk_import.cmake)
project($name C CXX ASM)
set(CMAKE_CXX_STANDARD 17)
pico_sdk_init()

include(FetchContent)
FetchContent_Declare(pico-tflmicro
    GIT_REPOSITORY https://github.com/raspberrypi/pico-tflmicro.git
    GIT_TAG main)
FetchContent_MakeAvailable(pico-tflmicro)

add_executable($name ../main/main.cpp ../src/model.cpp ../src/model_data.cpp)
target_include_directories($name PRIVATE ../src)
target_link_libraries($name pico-tflmicro pico_stdlib)
pico_enable_stdio_usb($name 1)
pico_add_extra_outputs($name)
""",
}
