{{ about }}
#include "self_test.h"

#include <stdint.h>

#include "cycle_counter.h"
#include "golden_vectors.h"
#include "model.h"

#define LINE_BYTES 128
#define HEAD "TINYKIT selftest v1 model={{ export.model_sha256[:12] }}"

static int8_t output[{{ guard }}_OUTPUT_BYTES];

static char *write_text(char *to, const char *text)
{
    while (*text != '\0') {
        *to++ = *text++;
    }
    *to = '\0';
    return to;
}

static char *write_number(char *to, const char *key, uint32_t value)
{
    char digits[11];
    int count = 0;
    to = write_text(to, key);
    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    while (count > 0) {
        *to++ = digits[--count];
    }
    *to = '\0';
    return to;
}

{% if outputs_at | map("last") | select | list %}
static float float_at(const int8_t *bytes)
{
    float value;
    (void)__builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

/* Floats may differ by {{ bound }} of the largest: exponentials are not rounded alike everywhere. */
static int are_alike(const int8_t *given, const int8_t *wanted, int32_t bytes)
{
    float largest = 0.0f;
    for (int32_t i = 0; i < bytes; i += 4) {
        const float value = float_at(wanted + i);
        largest = value > largest ? value : (-value > largest ? -value : largest);
    }
    for (int32_t i = 0; i < bytes; i += 4) {
        const float one = float_at(given + i);
        const float other = float_at(wanted + i);
        const float rest = one > other ? one - other : other - one;
        if (one != other && !(rest <= {{ bound }}f * largest) && (one == one || other == other)) {
            return 0;
        }
    }
    return 1;
}

{% endif %}
static int run_vector(uint32_t vector, char *line)
{
    const uint32_t start = tinykit_cycles();
    const int failed = {{ name }}_run({{ name }}_golden_inputs[vector], output);
    const uint32_t cycles = tinykit_cycles() - start;
    int equal = failed == 0;
{% if outputs_at | map("last") | select | list %}
{% for start, bytes, floats in outputs_at %}
{% if floats %}
    equal = equal && are_alike(output + {{ start }}, {{ name }}_golden_outputs[vector] + {{ start }}, {{ bytes }});
{% else %}
    for (int32_t i = {{ start }}; i < {{ start + bytes }}; ++i) {
        equal = equal && output[i] == {{ name }}_golden_outputs[vector][i];
    }
{% endif %}
{% endfor %}
{% else %}
    for (int32_t i = 0; i < {{ guard }}_OUTPUT_BYTES; ++i) {
        equal = equal && output[i] == {{ name }}_golden_outputs[vector][i];
    }
{% endif %}
    char *end = write_number(write_text(line, HEAD), " vector=", vector);
    end = write_number(end, " equal=", equal ? 1u : 0u);
    if (cycles != 0u) {
        (void)write_number(end, " cycles=", cycles);
    }
    return equal;
}

int {{ name }}_self_test(void (*put)(const char *line))
{
    char line[LINE_BYTES];
    uint32_t failed = 0;
    tinykit_start_cycles();
    char *end = write_number(write_text(line, HEAD " target=c kernels={{ export.kernels }}"), " vectors=", {{ vectors }});
    end = write_number(end, " arena=", {{ guard }}_ARENA_BYTES);
    if (TINYKIT_CLOCK_HZ != 0) {
        (void)write_number(end, " clock_hz=", TINYKIT_CLOCK_HZ);
    }
    put(line);
{% if export.state_bytes %}
    {{ name }}_reset();
{% endif %}
    for (uint32_t vector = 0; vector < {{ vectors }}; ++vector) {
        failed += run_vector(vector, line) ? 0u : 1u;
        put(line);
    }
    (void)write_number(write_text(line, HEAD), " failed=", failed);
    put(line);
    return (int)failed;
}
