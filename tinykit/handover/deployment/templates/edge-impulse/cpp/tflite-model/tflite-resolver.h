// {{ name }}: the operators of the model, no more and no fewer. Written by tinykit.
#ifndef TFLITE_RESOLVER_H
#define TFLITE_RESOLVER_H

#include "edge-impulse-sdk/tensorflow/lite/micro/micro_mutable_op_resolver.h"

#define EI_TFLITE_RESOLVER static tflite::MicroMutableOpResolver<{{ methods|length }}> resolver; \
{% for method in methods %}
    resolver.{{ method }}(){{ ";" if loop.last else "; \\" }}
{% endfor %}

#endif
