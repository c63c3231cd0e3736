// An interpreter that replays: STUB_INPUTS and STUB_OUTPUTS list the tensors as "bytes:type,…"; each Invoke appends the
// inputs to the file STUB_RECEIVED and takes the outputs from the file STUB_REPLIES.
#ifndef STUB_MICRO_INTERPRETER_H_
#define STUB_MICRO_INTERPRETER_H_

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {

class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena, size_t arena_size)
      : model_(model), resolver_(resolver), arena_(arena), arena_size_(arena_size) {}

  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, MicroAllocator* allocator,
                   MicroResourceVariables* variables)
      : model_(model), resolver_(resolver), arena_(allocator->arena), arena_size_(allocator->size) {
    printf("%d variables\n", variables->count);
  }

  TfLiteStatus AllocateTensors() {
    if (resolver_.registered() != resolver_.capacity()) {
      printf("resolver holds %u of %u\n", resolver_.registered(), resolver_.capacity());
      return kTfLiteError;
    }
    if (reinterpret_cast<uintptr_t>(arena_) % 16 != 0 || reinterpret_cast<uintptr_t>(model_) % 16 != 0) {
      printf("not aligned\n");
      return kTfLiteError;
    }
    const char* needed = getenv("STUB_ARENA_NEEDED");
    if (needed != nullptr && arena_size_ < strtoul(needed, nullptr, 10)) {
      printf("arena too small\n");
      return kTfLiteError;
    }
    inputs_ = List("STUB_INPUTS", input_);
    outputs_ = List("STUB_OUTPUTS", output_);
    replies_ = fopen(getenv("STUB_REPLIES"), "rb");
    received_ = fopen(getenv("STUB_RECEIVED"), "wb");
    return replies_ != nullptr && received_ != nullptr ? kTfLiteOk : kTfLiteError;
  }

  TfLiteStatus Invoke() {
    for (size_t i = 0; i < inputs_; ++i) {
      fwrite(input_[i].data.raw, 1, input_[i].bytes, received_);
      memset(input_[i].data.raw, 0x55, input_[i].bytes);
    }
    fflush(received_);
    for (size_t i = 0; i < outputs_; ++i) {
      if (fread(output_[i].data.raw, 1, output_[i].bytes, replies_) != output_[i].bytes) {
        return kTfLiteError;
      }
    }
    return kTfLiteOk;
  }

  TfLiteTensor* input(size_t index) { return &input_[index]; }
  TfLiteTensor* output(size_t index) { return &output_[index]; }
  size_t inputs_size() const { return inputs_; }
  size_t outputs_size() const { return outputs_; }
  size_t arena_used_bytes() const { return 123; }

 private:
  static size_t List(const char* variable, TfLiteTensor* tensors) {
    size_t count = 0;
    for (const char* at = getenv(variable); at != nullptr && *at != '\0' && count < 4; ++count) {
      char* end = nullptr;
      tensors[count].bytes = strtoul(at, &end, 10);
      tensors[count].type = static_cast<TfLiteType>(strtoul(end + 1, &end, 10));
      tensors[count].data.raw = static_cast<char*>(malloc(tensors[count].bytes));
      at = *end == ',' ? end + 1 : nullptr;
    }
    return count;
  }

  const Model* model_;
  const MicroOpResolver& resolver_;
  uint8_t* arena_;
  size_t arena_size_;
  TfLiteTensor input_[4] = {};
  TfLiteTensor output_[4] = {};
  size_t inputs_ = 0, outputs_ = 0;
  FILE* replies_ = nullptr;
  FILE* received_ = nullptr;
};

}  // namespace tflite

#endif
