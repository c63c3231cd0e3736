"""The C++ of an export: model array, resolver and arena, golden vectors, main."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import Template

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.deployment.cycle_counter import CYCLE_COUNTER_H
from tinykit.train.datasets import Normalisation


@dataclass(frozen=True, slots=True)
class Contents:
    """What the sources are made of.

    Parameters
    ----------
    name : C++ identifier, the namespace of everything.
    sha256 : of the model.
    about : lines for the header comments, already safe.
    model : flatbuffer bytes.
    methods : `Add…` calls of the resolver.
    arena_bytes, needed_bytes : declared, a multiple of 16; and what the prediction asks for.
    golden_inputs, golden_outputs : uint8 [n, bytes], the raw tensors one after the other.
    normalisation : mean and standard deviation per channel that a raw sample needs, None where not given.
    """

    name: str
    sha256: str
    about: tuple[str, ...]
    model: bytes = field(repr=False)
    methods: tuple[str, ...]
    arena_bytes: int
    needed_bytes: int
    golden_inputs: NDArray[np.uint8] = field(repr=False)
    golden_outputs: NDArray[np.uint8] = field(repr=False)
    normalisation: Normalisation | None = None


def write_sources(contents: Contents) -> dict[str, str]:
    """Relative path -> text of every C++ file."""
    golden, total = contents.golden_inputs, len(contents.golden_inputs)
    values = {
        "name": contents.name,
        "sha12": contents.sha256[:12],
        "about": "\n".join(f"// {line}" for line in contents.about),
        "guard": f"TINYKIT_{contents.name.upper()}",
        "model_bytes": str(len(contents.model)),
        "model_array": _bytes(np.frombuffer(contents.model, np.uint8)),
        "arena_bytes": str(contents.arena_bytes),
        "needed_bytes": str(contents.needed_bytes),
        "count": str(len(contents.methods)),
        "adds": "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.{method}());" for method in contents.methods),
        "vectors": str(total),
        "input_bytes": str(golden.shape[1]),
        "output_bytes": str(contents.golden_outputs.shape[1]),
        "inputs": _rows(golden),
        "outputs": _rows(contents.golden_outputs),
        "normalisation": _normalise(contents.normalisation),
    }
    files = {path: Template(text.lstrip("\n")).substitute(values) for path, text in _TEMPLATES.items()}
    return files | {"src/cycle_counter.h": CYCLE_COUNTER_H}


def _bytes(data: NDArray[np.uint8], indent: str = "    ") -> str:
    texts = [f"0x{byte:02x}," for byte in data.tolist()]
    return "\n".join(indent + " ".join(texts[start : start + 16]) for start in range(0, len(texts), 16))


def _normalise(normalisation: Normalisation | None) -> str:
    """Constants for model.h: what the features of a raw sample must become before they are quantised."""
    if normalisation is None:
        return "// Feed samples prepared as for training: how was not given to the export."
    rows = [
        f"constexpr float {name}[] = {{{', '.join(f'{float(value)!r}f' for value in values)}}};"
        for name, values in (("kInputMean", normalisation.mean), ("kInputStd", normalisation.std))
    ]
    lead = "// Per channel, from the training data: (raw - kInputMean[c]) / kInputStd[c], then quantise."
    return "\n".join([lead, *rows])


def _rows(table: NDArray[np.uint8]) -> str:
    return "\n".join("    {\n" + _bytes(row, "        ") + "\n    }," for row in table)


_TEMPLATES = {
    "src/model_data.h": """
// The model, as an array for flash.
$about
#ifndef ${guard}_MODEL_DATA_H_
#define ${guard}_MODEL_DATA_H_

#include <stddef.h>
#include <stdint.h>

namespace $name {

constexpr size_t kModelBytes = $model_bytes;
alignas(16) extern const uint8_t kModelData[kModelBytes];

}  // namespace $name

#endif  // ${guard}_MODEL_DATA_H_
""",
    "src/model_data.cpp": """
// The model, as an array for flash.
$about
#include "model_data.h"

namespace $name {

alignas(16) extern const uint8_t kModelData[kModelBytes] = {
$model_array
};

}  // namespace $name
""",
    "src/model.h": """
// The model ready to run: SetUp once, write Input(), Invoke(), read Output().
$about
#ifndef ${guard}_MODEL_H_
#define ${guard}_MODEL_H_

#include <stddef.h>

#include "tensorflow/lite/c/common.h"

namespace $name {

// Predicted need on a 32-bit target, and the arena declared with its margin.
constexpr size_t kArenaNeededBytes = $needed_bytes;
constexpr size_t kArenaBytes = $arena_bytes;

$normalisation

// Registers the operators, loads the model, allocates the arena.
TfLiteStatus SetUp();

TfLiteTensor* Input(size_t index = 0);
TfLiteTensor* Output(size_t index = 0);
TfLiteStatus Invoke();

// Bytes of the arena in use after SetUp.
size_t ArenaUsedBytes();

// Runs the golden vectors; returns how many fail, or -1 if the model could not be run.
int SelfTest();

}  // namespace $name

#endif  // ${guard}_MODEL_H_
""",
    "src/model.cpp": """
$about
#include "model.h"

#include <math.h>
#include <string.h>

#include "cycle_counter.h"
#include "golden_vectors.h"
#include "model_data.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace $name {
namespace {

alignas(16) uint8_t arena[kArenaBytes];
tflite::MicroInterpreter* interpreter = nullptr;
uint32_t cycles = 0;  // of the last Invoke() of the self-test

using Resolver = tflite::MicroMutableOpResolver<$count>;

TfLiteStatus AddOperators(Resolver& resolver) {
$adds
  return kTfLiteOk;
}

// Integers must be equal; floats may differ by rounding.
bool IsEqual(const TfLiteTensor* tensor, const uint8_t* expected) {
  if (tensor->type != kTfLiteFloat32) {
    return memcmp(tensor->data.raw, expected, tensor->bytes) == 0;
  }
  for (size_t offset = 0; offset < tensor->bytes; offset += sizeof(float)) {
    float got, wanted;
    memcpy(&got, tensor->data.raw + offset, sizeof(float));
    memcpy(&wanted, expected + offset, sizeof(float));
    if (!(fabsf(got - wanted) <= 1e-5f + 1e-4f * fabsf(wanted))) {
      return false;
    }
  }
  return true;
}

bool RunsAsGolden(size_t vector) {
  size_t offset = 0;
  for (size_t i = 0; i < interpreter->inputs_size(); ++i) {
    TfLiteTensor* tensor = Input(i);
    if (offset + tensor->bytes > kGoldenInputBytes) {
      return false;
    }
    memcpy(tensor->data.raw, kGoldenInputs[vector] + offset, tensor->bytes);
    offset += tensor->bytes;
  }
  const uint32_t start = tinykit_cycles();
  const TfLiteStatus status = Invoke();
  cycles = tinykit_cycles() - start;
  if (status != kTfLiteOk) {
    return false;
  }
  offset = 0;
  for (size_t i = 0; i < interpreter->outputs_size(); ++i) {
    const TfLiteTensor* tensor = Output(i);
    if (offset + tensor->bytes > kGoldenOutputBytes || !IsEqual(tensor, kGoldenOutputs[vector] + offset)) {
      return false;
    }
    offset += tensor->bytes;
  }
  return true;
}

// The lines a log reader takes up; see "Check on the device" in the README.
void Report(size_t vector, bool equal) {
  if (cycles != 0) {
    MicroPrintf("TINYKIT selftest v1 model=$sha12 vector=%d equal=%d cycles=%u", static_cast<int>(vector),
                static_cast<int>(equal), static_cast<unsigned>(cycles));
  } else {
    MicroPrintf("TINYKIT selftest v1 model=$sha12 vector=%d equal=%d", static_cast<int>(vector),
                static_cast<int>(equal));
  }
}

void ReportStart() {
  MicroPrintf("TINYKIT selftest v1 model=$sha12 target=tflm vectors=%d arena=%d clock_hz=%d",
              static_cast<int>(kGoldenVectors), static_cast<int>(ArenaUsedBytes()), TINYKIT_CLOCK_HZ);
}

}  // namespace

TfLiteStatus SetUp() {
  const tflite::Model* model = tflite::GetModel(kModelData);
  if (model->version() != TFLITE_SCHEMA_VERSION) {
    MicroPrintf("model has schema %d, this TFLM reads %d", static_cast<int>(model->version()), TFLITE_SCHEMA_VERSION);
    return kTfLiteError;
  }
  static Resolver resolver;
  static const TfLiteStatus added = AddOperators(resolver);
  TF_LITE_ENSURE_STATUS(added);
  static tflite::MicroInterpreter static_interpreter(model, resolver, arena, kArenaBytes);
  interpreter = &static_interpreter;
  return interpreter->AllocateTensors();
}

TfLiteTensor* Input(size_t index) { return interpreter->input(index); }

TfLiteTensor* Output(size_t index) { return interpreter->output(index); }

TfLiteStatus Invoke() { return interpreter->Invoke(); }

size_t ArenaUsedBytes() { return interpreter->arena_used_bytes(); }

int SelfTest() {
  if (interpreter == nullptr && SetUp() != kTfLiteOk) {
    return -1;
  }
  int failed = 0;
  tinykit_start_cycles();
  ReportStart();
  for (size_t vector = 0; vector < kGoldenVectors; ++vector) {
    cycles = 0;
    const bool equal = RunsAsGolden(vector);
    failed += equal ? 0 : 1;
    Report(vector, equal);
  }
  MicroPrintf("TINYKIT selftest v1 model=$sha12 failed=%d", failed);
  return failed;
}

}  // namespace $name
""",
    "src/golden_vectors.h": """
// Inputs with the outputs of TFLM's reference kernels, as raw little-endian bytes of the tensors one after the other.
$about
#ifndef ${guard}_GOLDEN_VECTORS_H_
#define ${guard}_GOLDEN_VECTORS_H_

#include <stddef.h>
#include <stdint.h>

namespace $name {

constexpr size_t kGoldenVectors = $vectors;
constexpr size_t kGoldenInputBytes = $input_bytes;
constexpr size_t kGoldenOutputBytes = $output_bytes;

constexpr uint8_t kGoldenInputs[kGoldenVectors][kGoldenInputBytes] = {
$inputs
};

constexpr uint8_t kGoldenOutputs[kGoldenVectors][kGoldenOutputBytes] = {
$outputs
};

}  // namespace $name

#endif  // ${guard}_GOLDEN_VECTORS_H_
""",
    "main/main.cpp": """
// Sets the model up, checks it against its golden vectors, says PASS or FAIL.
$about
#include "model.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"

static int Run() {
  tflite::InitializeTarget();
  if ($name::SetUp() != kTfLiteOk) {
    MicroPrintf("FAIL: the model could not be set up");
    return 1;
  }
  MicroPrintf("arena: %d of %d bytes in use", static_cast<int>($name::ArenaUsedBytes()),
              static_cast<int>($name::kArenaBytes));
  const int failed = $name::SelfTest();
  if (failed != 0) {
    MicroPrintf("FAIL: %d golden vectors differ", failed);
    return 1;
  }
  MicroPrintf("PASS: golden vectors are equal");
  return 0;
}

#ifdef ESP_PLATFORM
extern "C" void app_main(void) { Run(); }
#else
int main() { return Run(); }
#endif
""",
}
