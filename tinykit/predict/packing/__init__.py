"""What is done to a finished .tflite so that fewer bytes reach flash, without TensorFlow and proven in TFLM.

`lean(model)` leaves out what no interpreter reads; `decode(model)` also codes weights with lookup tables or pruning, to
be decoded on the device by TFLM's DECODE operator. Both return a `Packed`: the file, its sizes, the proof, the cost.
`pack(model, runtime=…)` takes the one of both that leaves fewer bytes in flash, the decoder's code counted in.
"""
