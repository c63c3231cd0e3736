// {{ name }}: the model's bytes. Written by tinykit.
#ifndef TFLITE_LEARN_1_2_H
#define TFLITE_LEARN_1_2_H

extern const unsigned char *tflite_learn_1_2;
extern const unsigned int tflite_learn_1_2_len;

#endif
