"""codegen: data moved in any type, ends of any type, more int8 operators, folding and state: byte for byte as TFLM."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from tests.codegen_builds import build, run_tool, tool, write
from tests.codegen_graphs import as_bytes, ask_in_order, ask_interpreter
from tests.codegen_types import (
    ANY_MOVES,
    ENDS,
    IMAGE_MOVES,
    MORE_STEPS,
    RARE_MOVES,
    WideNet,
    moved_types,
    random_wide_model,
)
from tests.models import OPTIONS, schema
from tests.test_codegen import compare, operators_of
from tinykit.ground.errors import ModelError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.virtual_board import run
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.session import Session

RANDOM_GRAPHS = 120
CASTS = [("int8", "float32"), ("int8", "int32"), ("int32", "float32"), ("float32", "int32"),
         ("int16", "int8")]  # fmt: skip


def net(seed, shape=(1, 4, 5, 3), dtype="int8"):
    zero = 0 if dtype == "int16" else (-7, 11, -128, 127)[seed]
    return WideNet(shape, seed=seed, dtype=dtype, scale=(0.02, 0.05, 0.2, 0.01)[seed], zero_point=zero)


def moves():
    for step in ANY_MOVES + IMAGE_MOVES:
        for dtype in moved_types(step):
            for seed, shape in enumerate([(1, 4, 5, 3), (2, 3, 4, 2), (1, 6, 5, 1)]):
                yield getattr(net(seed, shape, dtype), f"move_{step}")()
    for step in RARE_MOVES:
        for seed, dtype in enumerate(("int8", "float32", "int8")):
            yield getattr(net(seed, (1, 4, 5, 3), dtype), f"move_{step}")()
    yield net(0, (2, 7, 3)).move_to_batches()
    yield net(1, (2, 7, 3)).move_from_batches()
    yield net(1, (1, 4, 1, 3)).move_squeeze()
    yield net(1, (1, 4, 1, 3), "float32").move_zeros()


def codes():
    for seed in range(4):
        for step in [*MORE_STEPS, "bilinear"]:
            yield getattr(net(seed), f"odd_{step}")()
        yield net(seed, (2, 4, 5, 3)).end_arg()
        yield net(seed, (2, 4, 5, 3), "float32").end_arg()
        yield net(seed).end_comparison()
        yield net(seed).end_inverse_root()
        for start, end in CASTS:
            yield net(seed, dtype=start).end_cast(end)
        yield net(seed, (1, 200)).end_comparison()
        for start, end in ENDS:
            one = WideNet((2, 4, 5, 3), seed=seed, dtype=start, zero_point=3 if start.endswith("int8") else 0)
            yield one.end_as(end)


class TestAgainstTheInterpreter:
    @pytest.mark.parametrize("cases", [moves, codes])
    def test_every_operator(self, cases, tmp_path):
        models = [one.to_bytes() for one in cases()]
        compare(models, tmp_path / "built", "portable")

    def test_padding_of_batches_is_that_of_a_fresh_arena(self, tmp_path):
        for seed, dtype in enumerate(("int8", "float32")):
            model = net(seed, (2, 3, 4, 2), dtype).move_to_batches(padded=True).to_bytes()
            compare([model], tmp_path / dtype, "portable")

    def test_what_is_kept_between_runs(self, tmp_path):
        """Samples one after the other: windows that start at their zero point, or as a subgraph fills them."""
        two = net(0, (1, 3, 4)).stream("a", apart=True).stream("b", fill=5)
        models = [
            net(0, (1, 3, 4)).stream(), net(1, (1, 1, 5, 2)).stream(apart=True), net(2, (1, 3, 4)).stream(fill=-77),
            net(0).accumulate(), two,
        ]  # fmt: skip
        for index, model in enumerate(one.to_bytes() for one in models):
            inputs, wanted = ask_in_order(model)
            built = build(export_c(read(model), kernels="portable"), tmp_path / str(index))
            assert np.array_equal(built.run([inputs])[0], wanted), index

    def test_random_graphs(self, tmp_path):
        models = [random_wide_model(seed) for seed in range(RANDOM_GRAPHS)]
        compare(models, tmp_path / "built", "cmsis-nn")
        assert len(operators_of(models)) > 25


class TestState:
    def test_reset_puts_back_what_was_there_before_the_first_run(self, tmp_path):
        export = export_c(read(net(0, (1, 3, 4)).stream(fill=9).to_bytes()))
        main = """#include "model.h"
        #include <string.h>
        int main(void) {
            int8_t in[MODEL_INPUT_BYTES], out[3][MODEL_OUTPUT_BYTES];
            memset(in, 1, sizeof in);
            for (int i = 0; i < 3; ++i) { model_run(in, out[i]); if (i == 1) model_reset(); }
            return 2 * (memcmp(out[0], out[1], sizeof out[0]) == 0) + (memcmp(out[0], out[2], sizeof out[0]) != 0);
        }"""
        folder = write(export, tmp_path)
        (folder / "main.c").write_text(main)
        sources = [str(path) for path in folder.glob("*.c")]
        run_tool([tool("gcc"), "-std=c11", f"-I{folder}", *sources, "-o", str(folder / "main")])
        run_tool([str(folder / "main")])

    def test_a_model_without_state_has_nothing_to_reset(self):
        assert b"_reset" not in export_c(read(net(0).odd_relu().to_bytes())).files["model.h"]

    def test_what_fills_variables_must_be_constant(self):
        one = net(0, (1, 3, 4)).stream(fill=9)
        one.called[0].operators[0].opcodeIndex = len(one.codes) - 1
        with pytest.raises(ModelError, match="subgraph 1, which fills the variables, computes with STRIDED_SLICE"):
            export_c(read(one.to_bytes()))

    def test_a_variable_of_another_size(self):
        graph = read(net(0, (1, 3, 4)).stream().to_bytes())
        writes = next(one for one in graph.operators if one.name == "ASSIGN_VARIABLE")
        changed = dataclasses.replace(writes, inputs=(writes.inputs[0], graph.inputs[0]))
        operators = tuple(changed if one is writes else one for one in graph.operators)
        with pytest.raises(ModelError, match="a variable of 8 bytes and a value of 12"):
            export_c(dataclasses.replace(graph, operators=operators))


class TestFolding:
    def test_shape_arithmetic_is_gone(self):
        export = export_c(read(net(0).move_open_reshape().to_bytes()))
        for name in ("shape", "strided_slice", "pack"):
            body = re.search(rf"_op_\d\d_{name}\(void\)\n{{\n(.*?)\n}}", export.files["model.c"].decode(), re.S)
            assert body is not None
            assert body[1] == "    return 0;"

    def test_constant_codes_become_floats(self, tmp_path):
        one = WideNet((1, 4), dtype="float32")
        data = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
        fixed, out = one.tensor((3, 4), dtype="int8", data=data, scale=0.1, zero_point=2), one.tensor((3, 4))
        start = one.last
        one.use("DEQUANTIZE", [fixed], [out]).move_concatenation()
        one.last = start
        one.outputs = [out]
        one.move_transpose()
        model = one.to_bytes()
        assert export_c(read(model)).output_bytes == 48
        ((inputs, wanted),) = ask_interpreter([model])
        assert np.array_equal(build(export_c(read(model)), tmp_path).run([inputs])[0], wanted)


class TestIndices:
    """Indices that come in with the sample: rows of a table, and an error where there is no such row."""

    MODEL = WideNet((1, 4), dtype="int32").embed().to_bytes()

    def test_rows_are_taken(self, tmp_path):
        indices = np.array([[[0, 6, 3, 3]], [[1, 2, 5, 4]]], np.int32)
        with Session(self.MODEL) as session:
            wanted = session.run_all((indices,))
        found = build(export_c(read(self.MODEL)), tmp_path).run([as_bytes([indices])])[0]
        assert np.array_equal(found, as_bytes(wanted))

    def test_an_index_outside_is_an_error_on_the_device(self):
        found = run(read(self.MODEL), "nucleo-l4r5zi", np.array([[0, 6, 3, 3]], np.int32))
        assert found.equal
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "tinykit.handover.virtual_board.running.ask_tflm", lambda *_: (np.zeros((1, 1, 4, 3), np.int8),)
            )
            found = run(read(self.MODEL), "nucleo-l4r5zi", np.array([[0, 7, 3, 3]], np.int32))
        assert (found.fault.kind, found.fault.text) == ("status", "operator 0 GATHER returned an error")


class TestEnds:
    def test_names_and_places_of_several_ends(self):
        one = WideNet((1, 4), name="serving_default_x:0")
        one.inputs.append(one.tensor((1, 4), name="serving_default_x:0", scale=0.1))
        first = one.inputs[0]
        one.use("CONCATENATION", [first, first], [one.tensor((1, 8), scale=1 / 64, zero_point=-3, name="*/ out")],
                OPTIONS.ConcatenationOptions, schema.ConcatenationOptionsT(axis=1))  # fmt: skip
        header = export_c(read(one.to_bytes())).files["model.h"].decode()
        assert "#define MODEL_INPUT_SERVING_DEFAULT_X_0_INDEX 0" in header
        assert "#define MODEL_INPUT_SERVING_DEFAULT_X_0_1_START 4" in header
        assert "#define MODEL_OUTPUT_OUT_BYTES 8" in header
        assert "/* int8 [1, 4] */" in header

    def test_floats_are_taken_from_any_pointer(self):
        header = export_c(read(net(0).end_as("float32").to_bytes())).files["model.h"].decode()
        assert "int model_run(const void *input, void *output);" in header


class TestHostile:
    def test_a_damaged_model_is_exported_or_refused(self):
        """Random bytes of random models changed: a `ModelError` or C, never another error, and soon."""
        rng, refused = np.random.default_rng(0), 0
        models = [random_wide_model(seed) for seed in range(12)] + [net(0, (1, 3, 4)).stream(fill=9).to_bytes()]
        for attempt in range(600):
            data = bytearray(models[attempt % len(models)])
            for place in rng.integers(8, len(data), int(rng.integers(1, 4))):
                data[place] = int(rng.integers(0, 256))
            try:
                export_c(read(bytes(data)))
            except ModelError:
                refused += 1
        assert 50 < refused < 600
