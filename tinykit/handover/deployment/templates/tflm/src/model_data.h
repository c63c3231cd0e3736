// The model, as an array for flash.
{{ about }}
#ifndef {{ guard }}_MODEL_DATA_H_
#define {{ guard }}_MODEL_DATA_H_

#include <stddef.h>
#include <stdint.h>

namespace {{ name }} {

constexpr size_t kModelBytes = {{ model_bytes }};
alignas(16) extern const uint8_t kModelData[kModelBytes];

}  // namespace {{ name }}

#endif  // {{ guard }}_MODEL_DATA_H_
