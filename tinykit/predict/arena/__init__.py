"""The tensor arena: TFLM's plan and its 32-bit size, from the graph alone."""
