/* Kernels include it and call nothing of it: SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_MATH_H
#define TK_MATH_H
#endif
