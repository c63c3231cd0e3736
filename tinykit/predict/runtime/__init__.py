"""The real TFLM interpreter, in a child process: outputs, arena, missing operators, accuracy, agreement with LiteRT."""
