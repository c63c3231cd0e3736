"""Graph reading: any .tflite file, from anyone, as operators, tensors, MACs and quantisation."""
