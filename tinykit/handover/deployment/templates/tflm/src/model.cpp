{{ about }}
#include "model.h"

#include <math.h>
#include <string.h>

#include "cycle_counter.h"
#include "golden_vectors.h"
#include "model_data.h"
{% if variables %}
#include "tensorflow/lite/micro/micro_allocator.h"
{% endif %}
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
{% if variables %}
#include "tensorflow/lite/micro/micro_resource_variable.h"
{% endif %}
#include "tensorflow/lite/schema/schema_generated.h"

namespace {{ name }} {
namespace {

alignas(16) uint8_t arena[kArenaBytes];
tflite::MicroInterpreter* interpreter = nullptr;
uint32_t cycles = 0;  // of the last Invoke() of the self-test

using Resolver = tflite::MicroMutableOpResolver<{{ methods | length }}>;

TfLiteStatus AddOperators(Resolver& resolver) {
{% for method in methods %}
  TF_LITE_ENSURE_STATUS(resolver.{{ method }}());
{% endfor %}
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
    MicroPrintf("TINYKIT selftest v1 model={{ sha256[:12] }} vector=%d equal=%d cycles=%u", static_cast<int>(vector),
                static_cast<int>(equal), static_cast<unsigned>(cycles));
  } else {
    MicroPrintf("TINYKIT selftest v1 model={{ sha256[:12] }} vector=%d equal=%d", static_cast<int>(vector),
                static_cast<int>(equal));
  }
}

void ReportStart() {
  MicroPrintf("TINYKIT selftest v1 model={{ sha256[:12] }} target=tflm vectors=%d arena=%d clock_hz=%d",
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
{% if variables %}
  // What the model keeps between calls lies in the arena too; it starts anew when the interpreter is made.
  static tflite::MicroAllocator* allocator = tflite::MicroAllocator::Create(arena, kArenaBytes);
  static tflite::MicroResourceVariables* variables = tflite::MicroResourceVariables::Create(allocator, {{ variables }});
  static tflite::MicroInterpreter static_interpreter(model, resolver, allocator, variables);
{% else %}
  static tflite::MicroInterpreter static_interpreter(model, resolver, arena, kArenaBytes);
{% endif %}
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
  MicroPrintf("TINYKIT selftest v1 model={{ sha256[:12] }} failed=%d", failed);
  return failed;
}

}  // namespace {{ name }}
