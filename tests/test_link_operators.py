"""link_operators: bytes told apart from links, a table of what was not linked, and a tree of C++ linked for real."""

from __future__ import annotations

import shutil

import pytest

from tinykit.ground.facts import read_toml
from tinykit.predict.flash import ARITHMETIC, INTERPRETER, OTHER
from tools.link_operators import (
    BASE,
    CORE,
    KERNELS,
    SIZES,
    Part,
    Toolchain,
    add_up,
    derive,
    measure,
    read_parts,
    write_parts,
)

OPERATORS = ("FULLY_CONNECTED", "CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RESHAPE")
OWN = {"FULLY_CONNECTED": 800, "CONV_2D": 2200, "AVERAGE_POOL_2D": 250, "MAX_POOL_2D": 280, "RESHAPE": 80}
SHARED = {"MAX_POOL_2D": "AVERAGE_POOL_2D"}


def link(operators: tuple[str, ...]) -> int:
    """An image of an interpreter of 1,000, arithmetic of 700 that all share, and pools that share 50 bytes."""
    pools = sum("POOL" in one for one in operators)
    return 1000 + (700 if operators else 0) + sum(OWN[one] for one in operators) - (50 if pools == 2 else 0)


class TestMeasure:
    def test_parts_are_told_apart(self):
        found = measure(link, OPERATORS, SHARED)
        assert found[INTERPRETER] == (1000, "", None)
        assert found[ARITHMETIC] == (700, "", None)
        assert {name: found[name][0] for name in OPERATORS} == OWN
        assert found["MAX_POOL_2D"][1:] == ("AVERAGE_POOL_2D", 230)

    def test_and_add_up_to_any_image(self):
        parts = {name: Part(CORE, KERNELS, "-Os", name, "linked", size, 0.05, *more)
                 for name, (size, *more) in measure(link, OPERATORS, SHARED).items()}  # fmt: skip
        for names in (OPERATORS, OPERATORS[:2], ("CONV_2D", "MAX_POOL_2D"), ("RESHAPE", BASE)):
            assert add_up(parts, names) == link(names)


class TestTable:
    LINKED = tuple(one for one in read_parts() if one.how == "linked")
    SETS = read_toml(SIZES)

    def test_shipped_table_is_derived_from_its_linked_rows(self):
        assert derive(self.LINKED) == read_parts()

    def test_every_set_that_was_linked_is_met(self):
        """Within 4 % on the core whose kernels were linked, within 7 elsewhere, always in the doubt of the parts."""
        table = read_parts()
        for row in self.SETS["sizes"]:
            of = (row["core"], row["runtime"], row["build"])
            parts = {one.operator: one for one in table if one.of == of}
            for network, operators in self.SETS["networks"].items():
                found = add_up(parts, operators)
                doubt = sum(one.doubt * one.bytes for one in parts.values() if one.operator in operators)
                doubt += parts[INTERPRETER].doubt * (parts[INTERPRETER].bytes + parts[ARITHMETIC].bytes)
                assert found == pytest.approx(row[network], rel=0.04 if of[0] == CORE else 0.07), (of, network)
                assert abs(found - row[network]) <= doubt

    def test_what_was_not_linked_is_wider(self):
        table = {(*one.of, one.operator): one for one in read_parts()}
        own, carried = table[CORE, KERNELS, "-Os", "CONV_2D"], table["cortex-m7", KERNELS, "-Os", "CONV_2D"]
        assert (own.how, carried.how) == ("linked", "scaled")
        assert carried.doubt > own.doubt
        assert table[CORE, "tflm-reference", "-Os", "CONV_2D"].doubt > own.doubt
        assert table[CORE, KERNELS, "-O3", "SVDF"].doubt > 5 * table[CORE, KERNELS, "-O3", "CONV_2D"].doubt
        assert {one.doubt for one in table.values() if one.operator == OTHER} == {0.8}

    def test_rows_linked_for_another_core_take_the_place_of_scaled_ones(self):
        of = ("cortex-m7", KERNELS, "-Os")
        own = [Part(*of, name, "linked", 1000, 0.05) for name in (INTERPRETER, ARITHMETIC, "CONV_2D")]
        found = {one.operator: one for one in derive([*self.LINKED, *own]) if one.of == of}
        assert found["CONV_2D"] == own[2]
        assert set(found) == {INTERPRETER, ARITHMETIC, "CONV_2D", OTHER}

    def test_written_and_read(self, tmp_path, monkeypatch):
        path = tmp_path / "linked_operators.csv"
        write_parts(self.LINKED, path)
        monkeypatch.setattr("tools.link_operators.TABLE", path)
        assert tuple(read_parts()) == self.LINKED


RESOLVER = """\
#pragma once
extern "C" { int conv(int); int pool(int); int dense(int); }
namespace tflite {
template <unsigned n> struct MicroMutableOpResolver {
  int (*kernels[n])(int); unsigned count = 0;
  void AddConv2D() { kernels[count++] = conv; }
  void AddAveragePool2D() { kernels[count++] = pool; }
  void AddFullyConnected() { kernels[count++] = dense; }
};
}
"""
INTERPRETER_HEADER = """\
#pragma once
#include "tensorflow/lite/schema/schema_generated.h"
constexpr int kTfLiteOk = 0;
namespace tflite {
struct MicroInterpreter {
  template <class R> MicroInterpreter(const Model*, R& r, unsigned char* a, unsigned n)
    : first(r.count ? r.kernels[0] : nullptr), last(r.count ? r.kernels[r.count - 1] : nullptr), seed(a[n / 2]) {}
  int (*first)(int), (*last)(int); int seed;
  int AllocateTensors() { return seed; }
  int Invoke() { return (first ? first(seed) : 0) + (last ? last(seed) : 0); }
};
}
"""
SCHEMA = """\
#pragma once
namespace tflite { struct Model {}; inline const Model* GetModel(const void* p) { return (const Model*)p; } }
"""
KERNEL = """\
extern "C" const unsigned char shared_table[400];
static const unsigned char table[{size}] = {{1, 2, 3}};
extern "C" int {name}(int x) {{ return table[(unsigned)x % {size}] + shared_table[(unsigned)x % 400]; }}
"""


@pytest.mark.skipif(not shutil.which("arm-none-eabi-g++"), reason="needs arm-none-eabi-g++ (gcc-arm-none-eabi)")
class TestToolchain:
    """A tree shaped like TFLM's, its kernels constants of known sizes and one table that all share."""

    @pytest.fixture
    def tree(self, tmp_path):
        files = {"micro/micro_mutable_op_resolver.h": RESOLVER, "micro/micro_interpreter.h": INTERPRETER_HEADER,
                 "schema/schema_generated.h": SCHEMA,
                 "micro/kernels/table.c": "const unsigned char shared_table[400] = {1};\n",
                 "micro/kernels/conv.cc": KERNEL.format(name="conv", size=1200),
                 "micro/kernels/cmsis_nn/conv.cc": KERNEL.format(name="conv", size=4800),
                 "micro/kernels/pool.cc": KERNEL.format(name="pool", size=600),
                 "micro/kernels/dense.cc": KERNEL.format(name="dense", size=2000),
                 "micro/kernels/conv_test.cc": "#error a test is no source\n"}  # fmt: skip
        for name, text in files.items():
            path = tmp_path / "tree" / "tensorflow" / "lite" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (tmp_path / "objects").mkdir()
        return tmp_path

    @pytest.mark.parametrize(("runtime", "conv"), [(KERNELS, 4800), ("tflm-reference", 1200)])
    def test_kernels_are_told_apart(self, tree, runtime, conv):
        chain = Toolchain(tree / "tree", tree / "objects", CORE, runtime, "-Os")
        found = measure(chain.link, ("FULLY_CONNECTED", "CONV_2D", "AVERAGE_POOL_2D"))
        for name, size in (("CONV_2D", conv), ("AVERAGE_POOL_2D", 600), ("FULLY_CONNECTED", 2000)):
            assert size <= found[name][0] <= size + 120, name
        assert 400 <= found[ARITHMETIC][0] <= 520
