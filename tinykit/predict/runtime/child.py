"""The other side of the pipe: a worker that holds one interpreter, TFLM's, LiteRT's or ONNX Runtime's.

It runs inside a `Child`, and imports nothing of tinykit. The parent imports only how arrays go into a frame.
"""

import functools
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.inside import load_script

Arrays = list[NDArray[Any]]

isolating = load_script(Path(__file__).with_name("isolating.py"))

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bool")
ARENA_SIZES_BYTES = (4 * 2**20, 32 * 2**20, 256 * 2**20)
"""Arenas tried in turn; untouched pages cost nothing, and an arena with room to spare never segfaults."""

NOT_REGISTERED = ("Didn't find op for builtin opcode", "Failed to get registration from op code")

ORT = "onnxruntime"
LITERT_RESOLVERS = {
    "litert-reference": "BUILTIN_REF",
    "litert-optimised": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "litert-xnnpack": "BUILTIN",
}


def pack_arrays(arrays: Arrays) -> tuple[list[list[Any]], Arrays]:
    """What a frame's header lists of arrays, and the frame's parts."""
    return [[array.dtype.name, list(array.shape)] for array in arrays], [np.ascontiguousarray(one) for one in arrays]


def unpack_arrays(listed: list[list[Any]], parts: list[bytes]) -> Arrays:
    """The arrays that `pack_arrays` packed; ValueError for an unknown dtype, or a shape that its bytes do not fill."""
    arrays = []
    for (dtype, shape), part in zip(listed, parts, strict=True):
        if dtype not in DTYPES or any(not isinstance(size, int) or size < 0 for size in shape):
            raise ValueError(f"frame array of dtype {dtype!r} and shape {shape!r}")
        if math.prod(shape) * np.dtype(dtype).itemsize != len(part):
            raise ValueError(f"frame array of {len(part)} bytes for {dtype} and shape {shape!r}")
        arrays.append(np.frombuffer(part, dtype=dtype).reshape(shape))
    return arrays


class _Tflm:
    """TFLM's interpreter on one model."""

    def __init__(self, model: bytes, last: int | None) -> None:
        from tflite_micro.python.tflite_micro import runtime
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        model = model if last is None else isolating.cut(schema, model, last)
        self.model, self.schema = model, schema
        self._runtime = runtime
        tree = isolating.parse(schema, model)
        self._inputs, self._outputs = len(tree.subgraphs[0].inputs), len(tree.subgraphs[0].outputs)
        self.state = isolating.name_state(schema, tree)
        self._preserving: Any = None
        self._interpreter = self._allocate(runtime.InterpreterConfig.kAllocationRecording)

    def _allocate(self, config: Any) -> Any:
        for size in ARENA_SIZES_BYTES:
            start = os.fstat(2).st_size
            try:
                return self._runtime.Interpreter.from_bytes(self.model, arena_size=size, intrepreter_config=config)
            except RuntimeError:
                if size == ARENA_SIZES_BYTES[-1] or b"missing: " not in os.pread(2, 65_536, start):
                    raise
        return None

    def details(self) -> dict[str, Any]:
        one = self._interpreter
        return {
            "inputs": [_detail(one.get_input_details(index)) for index in range(self._inputs)],
            "outputs": [_detail(one.get_output_details(index)) for index in range(self._outputs)],
        }

    def renew(self) -> None:
        """As at power-up. `reset` alone would leave a variable at its zero point, not at what CALL_ONCE put there."""
        self._preserving = None
        if self.state == "variables":
            self._interpreter = self._allocate(self._runtime.InterpreterConfig.kAllocationRecording)
        elif self.state:
            self._interpreter.reset()

    def run(self, inputs: Arrays) -> Arrays:
        self._invoke(self._interpreter, inputs)
        return [np.array(self._interpreter.get_output(index)) for index in range(self._outputs)]

    def tensors(self, inputs: Arrays, indices: list[int]) -> Arrays:
        """Tensors of the main subgraph after one inference that overwrites none of them."""
        if self._preserving is None:
            self._preserving = self._allocate(self._runtime.InterpreterConfig.kPreserveAllTensors)
        self._invoke(self._preserving, inputs)
        wrapper = self._preserving._interpreter
        return [np.array(wrapper.GetTensor(index, 0)["tensor_data"]) for index in indices]

    def _invoke(self, interpreter: Any, inputs: Arrays) -> None:
        for index, array in enumerate(inputs):
            interpreter.set_input(array, index)
        interpreter.invoke()

    def print_allocations(self) -> None:
        self._interpreter.print_allocations()

    def allocates(self, arena_size: int) -> bool:
        """Try one arena in a fork: a tiny arena segfaults where a small one is refused."""
        wrapper = self._runtime._runtime.InterpreterWrapper
        recording = self._runtime._runtime.PythonInterpreterConfig.kAllocationRecording
        variables = self._runtime.count_resource_variables(self.model) if self.state else 0
        build = functools.partial(wrapper, self.model, [], arena_size, variables, recording, 0)
        return _fork(build)[0] == 0


class _LiteRt:
    """LiteRT's interpreter on one model, with one of its three kernel sets."""

    def __init__(self, model: bytes, engine: str, last: int | None) -> None:
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        model = model if last is None else isolating.cut(schema, model, last)
        settings = {"num_threads": 1, "experimental_op_resolver_type": OpResolverType[LITERT_RESOLVERS[engine]]}
        self._build = functools.partial(Interpreter, model_content=model, **settings)
        self.schema = schema
        self._preserving: Any = None
        try:
            self._interpreter = self._allocate()
        except ValueError as error:
            if "quantized_dimension" not in str(error):
                raise
            model = isolating.mend(schema, model)
            self._build = functools.partial(Interpreter, model_content=model, **settings)
            self._interpreter = self._allocate()
        self.model = model
        self._inputs, self._outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.state = isolating.name_state(schema, isolating.parse(schema, model))

    def _allocate(self, **settings: Any) -> Any:
        one = self._build(**settings)
        one.allocate_tensors()
        return one

    def details(self) -> dict[str, Any]:
        return {
            "inputs": [_detail(detail) for detail in self._inputs],
            "outputs": [_detail(detail) for detail in self._outputs],
        }

    def renew(self) -> None:
        """As at power-up. `reset_all_variables` resets tensors marked variable, and no variable of the container."""
        self._preserving = None
        if self.state == "variables":
            self._interpreter = self._allocate()
        else:
            self._interpreter.reset_all_variables()

    def tensors(self, inputs: Arrays, indices: list[int]) -> Arrays:
        """Tensors of the main subgraph after one inference that overwrites none of them."""
        if self._preserving is None:
            self._preserving = self._allocate(experimental_preserve_all_tensors=True)
        self._invoke(self._preserving, inputs)
        return [np.array(self._preserving.get_tensor(index)) for index in indices]

    def run(self, inputs: Arrays) -> Arrays:
        self._invoke(self._interpreter, inputs)
        return [np.array(self._interpreter.get_tensor(detail["index"])) for detail in self._outputs]

    def _invoke(self, interpreter: Any, inputs: Arrays) -> None:
        for detail, array in zip(self._inputs, inputs, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()


class _Ort:
    """ONNX Runtime on one model: its optimisations off, as the scales define it, or on, as its own kernels have it."""

    state = ""

    def __init__(self, model: bytes, engine: str) -> None:
        import onnxruntime

        options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_DISABLE_ALL if engine == ORT else levels.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._ends = self._session.get_inputs(), self._session.get_outputs()

    def details(self) -> dict[str, Any]:
        told = [
            {"shape": [size if isinstance(size, int) else 1 for size in one.shape], "scales": [], "zero_points": [],
             "dtype": "float32" if one.type == "tensor(float)" else one.type[7:-1]}
            for ends in self._ends for one in ends
        ]  # fmt: skip
        return {"inputs": told[: len(self._ends[0])], "outputs": told[len(self._ends[0]) :]}

    def run(self, inputs: Arrays) -> Arrays:
        made: Arrays = self._session.run(None, dict(zip((one.name for one in self._ends[0]), inputs, strict=True)))
        return made


def _reduce(model: bytes) -> list[bytes]:
    """An ONNX model as `.ort`, and the operators and types that a reduced build of ONNX Runtime takes."""
    from onnxruntime.tools.convert_onnx_models_to_ort import OptimizationStyle, convert_onnx_models_to_ort

    place = Path("model.onnx")
    place.write_bytes(model)
    convert_onnx_models_to_ort(place, optimization_styles=[OptimizationStyle.Fixed], enable_type_reduction=True)
    return [place.with_suffix(one).read_bytes() for one in (".ort", ".required_operators_and_types.config")]


def _detail(detail: dict[str, Any]) -> dict[str, Any]:
    scales = [float(scale) for scale in detail["quantization_parameters"]["scales"]]
    zeros = [int(zero) for zero in detail["quantization_parameters"]["zero_points"]]
    shape = [int(size) for size in detail["shape"]]
    return {"shape": shape, "dtype": np.dtype(detail["dtype"]).name, "scales": scales, "zero_points": zeros}


def _fork(action: Callable[[], object]) -> tuple[int, str]:
    """Run an action in a fork: its status (0 done, 1 exception, 128 + signal) and what it wrote on fd 2."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 2)
        try:
            action()
        except BaseException:  # noqa: BLE001 -- a fork must end here, whatever happened
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read(65_536).decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return (status if status >= 0 else 128 - status), text


def _smallest(engine: _Tflm, total: int) -> int | None:
    """Smallest arena that allocates, to the byte: gallop up from `total`, then bisect."""
    if not hasattr(os, "fork"):
        return None
    low, high = 0, max(total, 16)
    while not engine.allocates(high):
        low, high = high, high + max(high // 2, 256)
        if high > ARENA_SIZES_BYTES[-1]:
            return None
    if low == 0 and not engine.allocates(high - 1):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if engine.allocates(middle) else (middle, high)
    return high


def _missing(model: bytes) -> list[str]:
    """Operators of the model that this TFLM does not register: one probe model each, in a fork."""
    from tflite_micro.python.tflite_micro import runtime
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    wrapper = runtime._runtime.InterpreterWrapper
    recording = runtime._runtime.PythonInterpreterConfig.kAllocationRecording
    missing = []
    for code in tree.operatorCodes:
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        probe = _probe(schema, code)
        text = _fork(functools.partial(wrapper, probe, [], 65_536, 0, recording, 0))[1]
        if any(sign in text for sign in NOT_REGISTERED):
            custom = (code.customCode or b"").decode(errors="replace")
            missing.append(f"CUSTOM:{custom}" if custom else names.get(number, f"operator code {number}"))
    return sorted(set(missing))


def _probe(schema: Any, code: Any) -> bytes:
    """A model of one operator and no tensor: TFLM looks the operator up before it looks at anything else."""
    import flatbuffers

    graph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[schema.OperatorT(inputs=[], outputs=[])])
    tree = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[schema.BufferT()])
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _run_all(run: Callable[[Arrays], Arrays], arrays: Arrays, request: dict[str, Any]) -> Arrays:
    """Each input is [n, *shape]; each output comes back as [n, *shape], or fewer where the time is up."""
    engine, rows = _loaded[0], []
    late = time.monotonic() + (request.get("within_s") or math.inf)
    for index in range(len(arrays[0])):
        if engine.state and not (index and request.get("keep_state")):
            engine.renew()
        rows.append(run([array[index] for array in arrays]))
        if time.monotonic() > late:
            break
    return [np.stack(column) for column in zip(*rows, strict=True)]


_loaded: list[Any] = []
"""The one interpreter with its model."""


def answer(request: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], Arrays]:
    """Answer a request (load, missing, run, tensors, isolate, record, smallest), or say which operators TFLM lacks."""
    arrays = unpack_arrays(request["arrays"], parts)
    try:
        reply, results = _do(request, arrays)
    except Exception as error:  # noqa: BLE001 -- whatever a hostile file sets off becomes a reply
        said = os.pread(2, 65_536, 0).decode(errors="replace")
        lacks = any(sign in said for sign in NOT_REGISTERED)
        missing = {"missing": _missing(arrays[0].tobytes())} if lacks else {}
        return {"error": type(error).__name__, "text": str(error)[:2000], **missing}, []
    listed, packed = pack_arrays(results)
    return {**reply, "arrays": listed}, packed


def _do(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    if request["do"] == "load":
        model, engine, last = arrays[0].tobytes(), request["engine"], request.get("last")
        onnx = _Ort(model, engine) if engine.startswith(ORT) else None
        _loaded[:] = [onnx or (_Tflm(model, last) if engine == "tflm" else _LiteRt(model, engine, last))]
        return {**_loaded[0].details(), "state": _loaded[0].state}, []
    if request["do"] == "reduce":
        return {}, [np.frombuffer(one, np.uint8) for one in _reduce(arrays[0].tobytes())]
    if request["do"] == "missing":
        return {"missing": _missing(arrays[0].tobytes())}, []
    if request["do"] == "run":
        return {}, _run_all(_loaded[0].run, arrays, request)
    if request["do"] == "tensors":
        wanted = [int(index) for index in request["indices"]]
        return {}, _run_all(functools.partial(_loaded[0].tensors, indices=wanted), arrays, request)
    if request["do"] == "isolate":
        one = _loaded[0]
        made, fed = isolating.isolate(one.schema, one.model, request["index"], real=request["real"])
        return {"fed": fed}, [np.frombuffer(made, np.uint8)]
    if request["do"] == "record":
        _loaded[0].print_allocations()
        return {}, []
    return {"smallest": _smallest(_loaded[0], request["total"])}, []
