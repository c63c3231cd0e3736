// The model ready to run: SetUp once, write Input(), Invoke(), read Output().
{{ about }}
#ifndef {{ guard }}_MODEL_H_
#define {{ guard }}_MODEL_H_

#include <stddef.h>

#include "tensorflow/lite/c/common.h"

namespace {{ name }} {

// Predicted need on a 32-bit target, and the arena declared with its margin.
constexpr size_t kArenaNeededBytes = {{ needed_bytes }};
constexpr size_t kArenaBytes = {{ arena_bytes }};

{% if front %}
// {{ name }}_front_end() of front_end.h makes the input's codes of raw samples: features, normalised and quantised.
{% elif normalisation %}
// Per channel, from the training data: (raw - kInputMean[c]) / kInputStd[c], then quantise.
constexpr float kInputMean[] = { {{- floats(normalisation.mean) -}} };
constexpr float kInputStd[] = { {{- floats(normalisation.std) -}} };
{% else %}
// Feed samples prepared as for training: how was not given to the export.
{% endif %}

// Registers the operators, loads the model, allocates the arena.
TfLiteStatus SetUp();

TfLiteTensor* Input(size_t index = 0);
TfLiteTensor* Output(size_t index = 0);
TfLiteStatus Invoke();

// Bytes of the arena in use after SetUp.
size_t ArenaUsedBytes();

// Runs the golden vectors; returns how many fail, or -1 if the model could not be run.
int SelfTest();

}  // namespace {{ name }}

#endif  // {{ guard }}_MODEL_H_
