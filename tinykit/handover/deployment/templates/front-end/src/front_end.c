{% set spectral = front.features != "none" %}
{% set mfcc = front.features == "mfcc" %}
{% set mel = front.features in ("log-mel", "mfcc") %}
/* {{ words }} */
{{ about }}
#include "front_end.h"

/* Negative numbers shifted right must stay negative, as every compiler for microcontrollers has it. */
typedef char {{ name }}_shifts_are_arithmetic[(-1 >> 1) == -1 ? 1 : -1];

#define CHANNELS {{ front.channels | length }}
#define SAMPLES {{ front.samples }}
#define FACTOR {{ front.factor }}
#define HALF_ONE (1 << 14) /* of the 32768 that tables count as one */

static const uint16_t channel_of[CHANNELS] = { {{- front.channels | join(", ") -}} };

/* Code by value: the lowest one of a channel, and from which value on each next one holds. */
static const int8_t lowest[CHANNELS] = { {{- lowest | join(", ") -}} };
static const uint32_t steps_from[CHANNELS + 1] = { {{- steps_from | join(", ") -}} };
static const int16_t steps[] = {
{{ numbers(steps) }}
};

static int8_t to_code(int32_t value, int32_t channel)
{
    uint32_t low = steps_from[channel];
    uint32_t high = steps_from[channel + 1];
    while (low < high) {
        const uint32_t middle = (low + high) >> 1;
        if (steps[middle] <= value) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return (int8_t)(lowest[channel] + (int32_t)(low - steps_from[channel]));
}

{% if front.factor > 1 %}
#define REACH {{ taps | length // 2 }}
#define LAST ({{ guard }}_RAW_SAMPLES - 1)

/* By how far a recorded sample lies from the one that is kept, on either side. */
static const int16_t taps[REACH + 1] = {
{{ numbers(taps[(taps | length // 2):]) }}
};

/* A sample at the lower rate: filtered, the first and the last of a window held beyond its ends. */
static int32_t sample_at(const int16_t *raw, int32_t place, int32_t channel)
{
    const int32_t middle = place * FACTOR;
    const int16_t *const samples = raw + channel_of[channel];
    int32_t sum = HALF_ONE + taps[0] * samples[middle * {{ guard }}_RAW_CHANNELS];
    if (middle >= REACH && middle <= LAST - REACH) {
        const int16_t *before = samples + middle * {{ guard }}_RAW_CHANNELS;
        const int16_t *behind = before;
        for (int32_t i = 1; i <= REACH; ++i) {
            before -= {{ guard }}_RAW_CHANNELS;
            behind += {{ guard }}_RAW_CHANNELS;
            sum += taps[i] * (*before + *behind);
        }
    } else {
        for (int32_t i = 1; i <= REACH; ++i) {
            const int32_t before = middle < i ? 0 : middle - i;
            const int32_t behind = middle + i > LAST ? LAST : middle + i;
            sum += taps[i] * (samples[before * {{ guard }}_RAW_CHANNELS] + samples[behind * {{ guard }}_RAW_CHANNELS]);
        }
    }
    sum >>= 15;
    return sum > 32767 ? 32767 : (sum < -32768 ? -32768 : sum);
}
{% else %}
static int32_t sample_at(const int16_t *raw, int32_t place, int32_t channel)
{
    return raw[place * {{ guard }}_RAW_CHANNELS + channel_of[channel]];
}
{% endif %}

{% if not spectral %}
void {{ name }}_front_end(const int16_t *raw, int8_t *codes)
{
    for (int32_t place = 0; place < SAMPLES; ++place) {
        for (int32_t channel = 0; channel < CHANNELS; ++channel) {
            *codes++ = to_code(sample_at(raw, place, channel), channel);
        }
    }
}
{% else %}
#define FRAMES {{ front.frames }}
#define FRAME {{ front.frame }}
#define HOP {{ front.hop }}
#define QUARTER {{ front.points // 4 }} /* of the points of the transform */
#define HALF (2 * QUARTER)
#define BANDS {{ front.bands }}
#define WIDTH {{ front.shape[1] }}

static const uint16_t window[FRAME] = {
{{ numbers(window) }}
};

/* A quarter of a wave. */
static const uint16_t sines[QUARTER + 1] = {
{{ numbers(sines) }}
};

/* First bin of each stretch between the edges of bands. */
static const uint16_t starts[BANDS + 2] = {
{{ numbers(starts) }}
};

{% if mel %}
/* Of a bin's power for the band that rises in its stretch; the rest is the band's before. */
static const uint16_t weights[HALF] = {
{{ numbers(weights) }}
};

{% endif %}
/* log2(1 + i/32) in 1/65536. */
static const int32_t logarithms[33] = {
{{ numbers(logarithms) }}
};

{% if mfcc %}
/* Of the cosine transform, in 1/8192. */
static const int16_t cosines[WIDTH][BANDS] = {
{% for row in cosines %}
    { {{- row | join(",") -}} },
{% endfor %}
};

{% endif %}
static int32_t real[HALF];
static int32_t imaginary[HALF];

/* The bits of a number's magnitude, to be joined with those of others. */
static uint32_t fold(int32_t value)
{
    return (uint32_t)(value ^ (value >> 31));
}

static int32_t count_bits(uint32_t folded)
{
    int32_t bits = 0;
    while (folded != 0u) {
        folded >>= 1;
        ++bits;
    }
    return bits;
}

/* Halves the spectrum, rounding, until no magnitude has more bits; by how much in all. */
static int32_t scale(uint32_t folded, int32_t bits)
{
    const int32_t shift = count_bits(folded) - bits;
    if (shift <= 0) {
        return 0;
    }
    const int32_t half = 1 << (shift - 1);
    for (int32_t i = 0; i < HALF; ++i) {
        real[i] = (real[i] + half) >> shift;
        imaginary[i] = (imaginary[i] + half) >> shift;
    }
    return shift;
}

/* Of an angle from 0 to pi, in parts of the transform's points. */
static int32_t sine(int32_t angle)
{
    return sines[angle <= QUARTER ? angle : HALF - angle];
}

static int32_t cosine(int32_t angle)
{
    return angle <= QUARTER ? (int32_t)sines[QUARTER - angle] : -(int32_t)sines[angle - QUARTER];
}

/* A frame in a window, even samples as real and odd as imaginary parts; returns by how many bits it was raised. */
static int32_t load_frame(const int16_t *raw, int32_t first, int32_t channel, uint32_t *folded)
{
    for (int32_t i = 0; i < HALF; ++i) {
        real[i] = 2 * i < FRAME ? sample_at(raw, first + 2 * i, channel) : 0;
        imaginary[i] = 2 * i + 1 < FRAME ? sample_at(raw, first + 2 * i + 1, channel) : 0;
        *folded |= fold(real[i]) | fold(imaginary[i]);
    }
    const int32_t up = 15 - count_bits(*folded);
    const int32_t factor = 1 << up;
    *folded = 0;
    for (int32_t i = 0; 2 * i < FRAME; ++i) {
        real[i] = (real[i] * factor * (int32_t)window[2 * i] + HALF_ONE) >> 15;
        if (2 * i + 1 < FRAME) {
            imaginary[i] = (imaginary[i] * factor * (int32_t)window[2 * i + 1] + HALF_ONE) >> 15;
        }
        *folded |= fold(real[i]) | fold(imaginary[i]);
    }
    return up;
}

/* Puts each sample where the order of its place's bits is reversed. */
static void reverse(void)
{
    for (int32_t i = 0, j = 0; i < HALF; ++i) {
        if (i < j) {
            const int32_t kept_real = real[i];
            const int32_t kept_imaginary = imaginary[i];
            real[i] = real[j];
            imaginary[i] = imaginary[j];
            real[j] = kept_real;
            imaginary[j] = kept_imaginary;
        }
        int32_t bit = HALF >> 1;
        while (bit > 0 && (j & bit) != 0) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
}

/* One stage of the transform, radix 2, decimation in time. */
static uint32_t run_stage(int32_t width, int32_t turn)
{
    uint32_t folded = 0;
    for (int32_t k = 0; k < width; ++k) {
        const int32_t c = cosine(k * turn);
        const int32_t s = sine(k * turn);
        for (int32_t i = k; i < HALF; i += 2 * width) {
            const int32_t j = i + width;
            const int32_t turned_real = (real[j] * c + imaginary[j] * s + HALF_ONE) >> 15;
            const int32_t turned_imaginary = (imaginary[j] * c - real[j] * s + HALF_ONE) >> 15;
            real[j] = real[i] - turned_real;
            imaginary[j] = imaginary[i] - turned_imaginary;
            real[i] += turned_real;
            imaginary[i] += turned_imaginary;
            folded |= fold(real[i]) | fold(imaginary[i]) | fold(real[j]) | fold(imaginary[j]);
        }
    }
    return folded;
}

/* Twice the spectrum of the real frame out of that of its even and odd samples. */
static uint32_t split(void)
{
    uint32_t folded = 0;
    for (int32_t k = 0; k <= QUARTER; ++k) {
        const int32_t m = k == 0 ? 0 : HALF - k;
        const int32_t even_real = real[k] + real[m];
        const int32_t even_imaginary = imaginary[k] - imaginary[m];
        const int32_t odd_real = imaginary[k] + imaginary[m];
        const int32_t odd_imaginary = real[m] - real[k];
        const int32_t c = cosine(k);
        const int32_t s = sine(k);
        const int32_t turned_real = odd_real * c + odd_imaginary * s;
        const int32_t turned_imaginary = (odd_imaginary * c - odd_real * s + HALF_ONE) >> 15;
        real[m] = even_real + ((HALF_ONE - turned_real) >> 15);
        imaginary[m] = turned_imaginary - even_imaginary;
        real[k] = even_real + ((turned_real + HALF_ONE) >> 15);
        imaginary[k] = even_imaginary + turned_imaginary;
        folded |= fold(real[m]) | fold(imaginary[m]) | fold(real[k]) | fold(imaginary[k]);
    }
    return folded;
}

/* Leaves the spectrum of a frame in real and imaginary; its powers count times two to the exponent returned. */
static int32_t transform(const int16_t *raw, int32_t first, int32_t channel)
{
    uint32_t folded = 0;
    const int32_t up = load_frame(raw, first, channel, &folded);
    int32_t down = 0;
    reverse();
    for (int32_t width = 1, turn = HALF; width < HALF; width *= 2, turn >>= 1) {
        down += scale(folded, 15);
        folded = run_stage(width, turn);
    }
    down += scale(folded, 14);
    folded = split();
    down += scale(folded, 15);
    return 2 * (down - 1 - up);
}

/* max(0, log2(energy) + exponent) in 1/256, 0 for an energy of 0. */
static int32_t logarithm(uint64_t energy, int32_t exponent)
{
    int32_t top = 60;
    if (energy == 0u) {
        return 0;
    }
    for (int32_t shift = 32; shift > 0; shift >>= 1) {
        if ((energy >> (61 - shift)) == 0u) {
            energy <<= shift;
            top -= shift;
        }
    }
    const int32_t entry = (int32_t)(energy >> 55) & 31;
    const int32_t rest = (int32_t)(energy >> 44) & 2047;
    const int32_t fraction = logarithms[entry] + (((logarithms[entry + 1] - logarithms[entry]) * rest) >> 11);
    const int32_t found = ((top + exponent) * 65536 + fraction + 128) >> 8;
    return found > 0 ? found : 0;
}

static void sum_bands(int32_t exponent, int32_t *logs)
{
    uint64_t before = 0;
    for (int32_t stretch = 0; stretch <= BANDS; ++stretch) {
        uint64_t whole = 0;
        uint64_t rising = 0;
        for (int32_t k = starts[stretch]; k < (int32_t)starts[stretch + 1]; ++k) {
            const uint32_t power = (uint32_t)(real[k] * real[k]) + (uint32_t)(imaginary[k] * imaginary[k]);
            whole += power;
{% if mel %}
            rising += (uint64_t)power * weights[k];
{% endif %}
        }
{% if not mel %}
        rising = whole << 15;
{% endif %}
        if (stretch > 0) {
            logs[stretch - 1] = logarithm(before + (whole << 15) - rising, exponent - 15);
        }
        before = rising;
    }
}

void {{ name }}_front_end(const int16_t *raw, int8_t *codes)
{
    static int32_t logs[BANDS];
    for (int32_t frame = 0; frame < FRAMES; ++frame) {
        for (int32_t channel = 0; channel < CHANNELS; ++channel) {
            sum_bands(transform(raw, frame * HOP, channel), logs);
            for (int32_t i = 0; i < WIDTH; ++i) {
{% if mfcc %}
                int32_t sum = 1 << 15;
                for (int32_t band = 0; band < BANDS; ++band) {
                    sum += (int32_t)cosines[i][band] * logs[band];
                }
                sum >>= 16;
                codes[(frame * WIDTH + i) * CHANNELS + channel] = to_code(sum, channel);
{% else %}
                codes[(frame * WIDTH + i) * CHANNELS + channel] = to_code(logs[i], channel);
{% endif %}
            }
        }
    }
}
{% endif %}
