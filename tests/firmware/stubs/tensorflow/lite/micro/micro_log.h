#ifndef STUB_MICRO_LOG_H_
#define STUB_MICRO_LOG_H_

#include <stdio.h>

#define MicroPrintf(...)   \
  do {                     \
    printf(__VA_ARGS__);   \
    printf("\n");          \
  } while (0)

#endif
