// The variables that a model keeps between calls, by their number.
#ifndef STUB_MICRO_RESOURCE_VARIABLE_H_
#define STUB_MICRO_RESOURCE_VARIABLE_H_

#include "tensorflow/lite/micro/micro_allocator.h"

namespace tflite {

struct MicroResourceVariables {
  static MicroResourceVariables* Create(MicroAllocator*, int count) {
    static MicroResourceVariables only;
    only.count = count;
    return &only;
  }
  int count;
};

}  // namespace tflite

#endif
