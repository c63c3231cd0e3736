/* Inputs with the outputs of {{ long_name }}, the tensors of a sample one after the other. */
{% if reference.note %}
/* {{ reference.note }} */
{% endif %}
{{ about }}
#ifndef {{ guard }}_GOLDEN_VECTORS_H_
#define {{ guard }}_GOLDEN_VECTORS_H_

#include <stdint.h>

#define {{ guard }}_GOLDEN_VECTORS {{ vectors }}

static const int8_t {{ name }}_golden_inputs[{{ vectors }}][{{ export.input_bytes }}] = {
{{ inputs }}
};

static const int8_t {{ name }}_golden_outputs[{{ vectors }}][{{ export.output_bytes }}] = {
{{ outputs }}
};

#endif
