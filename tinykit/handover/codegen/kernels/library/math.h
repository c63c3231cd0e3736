/* CMSIS-NN includes math.h and uses nothing of it: with this, a compiler without a C library will do. */
#ifndef TINYKIT_FREESTANDING_MATH_H_
#define TINYKIT_FREESTANDING_MATH_H_
#endif
