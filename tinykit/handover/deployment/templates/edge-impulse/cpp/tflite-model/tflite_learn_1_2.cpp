// {{ name }}: the model's bytes, put in by the assembler; its path is relative to the folder that the compiler runs in.
#include "tflite_learn_1_2.h"

#ifndef EI_MODEL_FILE
#define EI_MODEL_FILE "tflite-model/tflite_learn_1_2.tflite"
#endif

__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    "tflite_learn_1_2_begin:\n"
    ".incbin \"" EI_MODEL_FILE "\"\n"
    "tflite_learn_1_2_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const unsigned char tflite_learn_1_2_begin[];

const unsigned char *tflite_learn_1_2 = tflite_learn_1_2_begin;
const unsigned int tflite_learn_1_2_len = {{ model_bytes }}u;
