{{ about }}
#include "model.h"

#include "kernels.h"
{% for key, (kind, data) in arrays.items() %}

extern const {{ kind }} {{ key }}[{{ data.size }}];
_Alignas(16) const {{ kind }} {{ key }}[{{ data.size }}] = {
{{ numbers(data) }}
};
{% endfor %}
