"""A network as a value: what it is made of, the tf-keras model of it, and a sketch of its `.tflite`."""
