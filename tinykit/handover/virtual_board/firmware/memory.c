/* memcpy, memmove and memset by words, for firmware without a C library: SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict target, const void *restrict source, size_t count);
void *memmove(void *target, const void *source, size_t count);
void *memset(void *target, int value, size_t count);

typedef struct { uint32_t value; } __attribute__((packed, may_alias)) Word;

#ifdef __ARM_FEATURE_UNALIGNED
#define WORDS_ARE_FREE(target, source) 1
#else
#define WORDS_ARE_FREE(target, source) ((((uintptr_t)(target) | (uintptr_t)(source)) & 3u) == 0)
typedef struct { uint32_t value; } __attribute__((may_alias)) AlignedWord;
#define Word AlignedWord
#endif

void *memcpy(void *restrict target, const void *restrict source, size_t count)
{
    uint8_t *to = target;
    const uint8_t *from = source;
    if (WORDS_ARE_FREE(to, from)) {
        for (; count >= 16; count -= 16, to += 16, from += 16) {
            ((Word *)to)[0].value = ((const Word *)from)[0].value;
            ((Word *)to)[1].value = ((const Word *)from)[1].value;
            ((Word *)to)[2].value = ((const Word *)from)[2].value;
            ((Word *)to)[3].value = ((const Word *)from)[3].value;
        }
        for (; count >= 4; count -= 4, to += 4, from += 4) {
            ((Word *)to)->value = ((const Word *)from)->value;
        }
    }
    while (count--) {
        *to++ = *from++;
    }
    return target;
}

void *memmove(void *target, const void *source, size_t count)
{
    uint8_t *to = target;
    const uint8_t *from = source;
    if (to <= from || to >= from + count) {
        return memcpy(target, source, count);
    }
    while (count--) {
        to[count] = from[count];
    }
    return target;
}

void *memset(void *target, int value, size_t count)
{
    uint8_t *to = target;
    uint32_t word = (uint8_t)value * 0x01010101u;
    if (WORDS_ARE_FREE(to, 0)) {
        for (; count >= 16; count -= 16, to += 16) {
            ((Word *)to)[0].value = word;
            ((Word *)to)[1].value = word;
            ((Word *)to)[2].value = word;
            ((Word *)to)[3].value = word;
        }
        for (; count >= 4; count -= 4, to += 4) {
            ((Word *)to)->value = word;
        }
    }
    while (count--) {
        *to++ = (uint8_t)value;
    }
    return target;
}
