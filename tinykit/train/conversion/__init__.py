"""From tf-keras to `.tflite`, in a child process, and Keras files from strangers opened with care."""
