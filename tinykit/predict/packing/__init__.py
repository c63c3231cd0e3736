"""What is done to a finished .tflite so that fewer bytes reach flash, without TensorFlow and proven in TFLM.

`lean(model)` leaves out what no interpreter reads; `decode(model)` also codes weights with lookup tables or pruning, to
be decoded on the device by TFLM's DECODE operator. Both return a `Packed`: the file, its sizes, the proof, the cost.
`pack(model, runtime=…)` takes the one of both that leaves fewer bytes in flash, the decoder's code counted in.
"""

from tinykit.predict.packing.choosing import PackChoice, foresee_flash, pack
from tinykit.predict.packing.cost import (
    DECODE_RUNTIMES,
    UNVERIFIED,
    DecodeCost,
    cost_of_decode,
    has_decode,
    predict_packed_latency,
    refuse_decode,
)
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.predict.packing.packed import CodedTensor, Packed

__all__ = [
    "DECODE_RUNTIMES", "UNVERIFIED", "CodedTensor", "DecodeCost", "PackChoice", "Packed", "code_weights",
    "cost_of_decode", "foresee_flash", "has_decode", "lean", "pack", "predict_packed_latency", "refuse_decode",
]  # fmt: skip
