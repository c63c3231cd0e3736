// What an interpreter is given in place of an arena.
#ifndef STUB_MICRO_ALLOCATOR_H_
#define STUB_MICRO_ALLOCATOR_H_

#include <stddef.h>
#include <stdint.h>

namespace tflite {

struct MicroAllocator {
  static MicroAllocator* Create(uint8_t* arena, size_t size) {
    static MicroAllocator only;
    only = {arena, size};
    return &only;
  }
  uint8_t* arena;
  size_t size;
};

}  // namespace tflite

#endif
