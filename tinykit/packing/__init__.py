"""What is done to a finished .tflite so that fewer bytes reach flash, without TensorFlow and proven in TFLM.

`lean(model)` leaves out what no interpreter reads; `decode(model)` also codes weights with lookup tables or pruning, to
be decoded on the device by TFLM's DECODE operator. Both return a `Packed`: the file, its sizes, the proof, the cost.
"""

from tinykit.packing.cost import DECODE_RUNTIMES, UNVERIFIED, DecodeCost, cost_of_decode, refuse_decode
from tinykit.packing.decoding import decode
from tinykit.packing.leaning import lean
from tinykit.packing.packed import CodedTensor, Packed

__all__ = [
    "DECODE_RUNTIMES",
    "UNVERIFIED",
    "CodedTensor",
    "DecodeCost",
    "Packed",
    "cost_of_decode",
    "decode",
    "lean",
    "refuse_decode",
]
