// Inputs with the outputs of {{ reference.kernels }}, as raw little-endian bytes of the tensors one after the other.
{% if reference.note %}
// {{ reference.note }}
{% endif %}
{{ about }}
#ifndef {{ guard }}_GOLDEN_VECTORS_H_
#define {{ guard }}_GOLDEN_VECTORS_H_

#include <stddef.h>
#include <stdint.h>

namespace {{ name }} {

constexpr size_t kGoldenVectors = {{ vectors }};
constexpr size_t kGoldenInputBytes = {{ input_bytes }};
constexpr size_t kGoldenOutputBytes = {{ output_bytes }};

constexpr uint8_t kGoldenInputs[kGoldenVectors][kGoldenInputBytes] = {
{{ inputs }}
};

constexpr uint8_t kGoldenOutputs[kGoldenVectors][kGoldenOutputBytes] = {
{{ outputs }}
};

}  // namespace {{ name }}

#endif  // {{ guard }}_GOLDEN_VECTORS_H_
