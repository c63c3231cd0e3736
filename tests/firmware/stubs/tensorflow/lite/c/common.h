// Stand-in for TFLM's C interface, as far as an export uses it: for tests on a host, computes nothing.
#ifndef STUB_COMMON_H_
#define STUB_COMMON_H_

#include <stddef.h>
#include <stdint.h>

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteNoType = 0, kTfLiteFloat32 = 1, kTfLiteInt16 = 7, kTfLiteInt8 = 9 };

union TfLitePtrUnion {
  char* raw;
  void* data;
};

struct TfLiteTensor {
  TfLitePtrUnion data;
  TfLiteType type;
  size_t bytes;
};

#define TF_LITE_ENSURE_STATUS(a)      \
  do {                                \
    const TfLiteStatus s = (a);       \
    if (s != kTfLiteOk) {             \
      return s;                       \
    }                                 \
  } while (0)

#endif
