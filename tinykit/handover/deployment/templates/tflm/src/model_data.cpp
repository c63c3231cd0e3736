// The model, as an array for flash.
{{ about }}
#include "model_data.h"

namespace {{ name }} {

alignas(16) extern const uint8_t kModelData[kModelBytes] = {
{{ model_array }}
};

}  // namespace {{ name }}
