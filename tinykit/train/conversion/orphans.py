"""What the converter leaves in a file that no reader takes: it differs from run to run, and would differ the file."""

import numpy as np

from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer


def clear_orphans(content: bytes) -> bytes:
    """The flatbuffer with zeros in each buffer that no tensor and no metadata refers to, as behind an LSTM's states."""
    cleared, root = bytearray(content), FlatBuffer(content).root(schema.IDENTIFIER)
    tensors = [one for graph in root.tables(schema.Model.SUBGRAPHS) for one in graph.tables(schema.SubGraph.TENSORS)]
    used = {one.number(schema.Tensor.BUFFER, "<I") for one in tensors}
    used |= {one.number(schema.Metadata.BUFFER, "<I") for one in root.tables(schema.Model.METADATA)}
    for index, buffer in enumerate(root.tables(schema.Model.BUFFERS)):
        stored = buffer.array(schema.Buffer.DATA, "<u1")
        if index not in used and len(stored):
            start = stored.ctypes.data - np.frombuffer(content, "<u1").ctypes.data
            cleared[start : start + len(stored)] = bytes(len(stored))
    return bytes(cleared)
