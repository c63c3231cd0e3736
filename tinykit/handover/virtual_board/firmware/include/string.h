/* The three functions that generated code and kernels use: SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_STRING_H
#define TK_STRING_H
#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t count);
void *memmove(void *target, const void *source, size_t count);
void *memset(void *target, int value, size_t count);

#endif
