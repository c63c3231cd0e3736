"""Model files of strangers: a .tflite by itself, and as people wrap one."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.case import ROOT, Case, Draw, kind, rarely
from tests.fuzz.mutating import mutate_bytes, mutate_text, pack_zip
from tests.fuzz.oracle import ask_tflm
from tests.fuzz.telling import FaultError
from tests.fuzz.trees import mutate_model
from tests.kinds import KINDS as NETWORKS
from tests.models import autoencoder, hybrid, residual, small_cnn
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import check_fit_all
from tinykit.budget.fit.verdict import Verdict
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.reading import read
from tinykit.model.lint import lint_graph
from tinykit.predict.arena.predict import plan_offline, predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.predict.packing.decoding import pack
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.verify import verify_model
from tinykit.show.cli.text import describe_graph
from tinykit.target.boards import boards

SHARED = ROOT.parent / "shared" / "models"
LARGEST_BYTES = 400_000
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99999999999999999999\n"
_OURS: tuple[Callable[[], bytes], ...] = (small_cnn, residual, autoencoder, hybrid)


@functools.cache
def list_bases() -> dict[str, Callable[[], bytes]]:
    """Where a case begins: models made in tests, and those in the kit's data."""
    files = sorted((ROOT / "data").glob("**/*.tflite"))
    found: dict[str, Callable[[], bytes]] = {f"made {make.__name__}": make for make in _OURS}
    found |= {f"made {name}": one.build for name, one in NETWORKS.items()}
    return found | {str(one.relative_to(ROOT)): one.read_bytes for one in files}


@functools.lru_cache(200)
def build_base(name: str) -> bytes:
    return list_bases()[name]()


def draw_base(draw: Draw) -> bytes:
    return build_base(draw.choose([*list_bases()]))


@functools.cache
def list_public() -> list[Path]:
    """Model files of others, where a folder with them lies beside the checkout."""
    return [path for path in sorted(SHARED.glob("*.tflite")) if path.stat().st_size <= LARGEST_BYTES]


# doors


def look(path: Path) -> None:
    """All that `inspect` computes, on three kinds of core."""
    graph = read(path)
    described = describe_graph(graph, predict_arena(graph), lint_graph(graph))
    json.dumps(described, allow_nan=False)
    for runtime, core in (("tflm-reference", "cortex-m0plus"), ("tflm-cmsis-nn", "cortex-m55")):
        predict_arena(graph, runtime=runtime, core=core)
        predict_flash(graph, runtime=runtime, core=core)


def judge(path: Path) -> None:
    """The verdicts on boards of many kinds; none may be good where TFLM itself refuses the model."""
    graph = read(path)
    reports = check_fit_all(graph, boards()[::7])
    json.dumps([report.to_json() for report in reports], allow_nan=False)
    good = [one.board.id for one in reports if one.verdict in (Verdict.FITS, Verdict.TIGHT) and not one.npu]
    if good and (refusal := ask_tflm(graph.data)):
        raise FaultError("verdict", f"{len(good)} boards ({good[0]} …) fit a model that TFLM refuses: {refusal}")


def assess_all(path: Path) -> None:
    outlook = assess(read(path), "nucleo-u575zi-q", Use(period_s=1.0, battery="cr2032"))
    json.dumps(outlook.to_json(), allow_nan=False)


def plan_and_pack(path: Path) -> None:
    graph = read(path)
    plan_offline(graph)
    pack(graph)


def compare_engines(path: Path) -> None:
    graph = read(path)
    verify_model(graph.data, sample_inputs(graph.data, 2))


def export_c(path: Path) -> None:
    deploy(read(path), Path("out", "c"), target="c")


def compile_npu(path: Path) -> None:
    compile_for_npu(read(path))


MODEL_DOORS = (
    look, judge,
    rarely(assess_all, 4), rarely(plan_and_pack, 12), rarely(compare_engines, 12), rarely(export_c, 12),
    rarely(compile_npu, 25),
    rarely("inspect {file} --json", 10), rarely("lint {file}", 10),
    rarely("lint {file} --fix --out {out}/m.tflite", 25),
    rarely("fit {file} --json", 20), rarely("fit {file}", 20), rarely("verify {file}", 25),
    rarely("deploy {file} --target tflm --out {out}/tflm", 25), rarely("deploy {file} --target c --out {out}/c", 25),
    rarely("pack {file} --out {out}/m.tflite", 25), rarely("plan {file} --out {out}/m.tflite", 20),
    rarely("budget {file} --board nucleo-u575zi-q --battery cr2032 --json", 15), rarely("compare {file}", 25),
    rarely("run {file} --board nucleo-u575zi-q --compiler gcc --samples 1", 120),
    rarely("ledger {file} {file}", 50),
)  # fmt: skip


@kind(*MODEL_DOORS, share=28)
def tflite(draw: Draw) -> Case:
    return _mutate(draw, draw_base(draw))


def _mutate(draw: Draw, base: bytes) -> Case:
    data = mutate_model(draw, base) if draw.chance(0.8) else mutate_bytes(draw, base)
    return Case(mutate_bytes(draw, data) if draw.chance(0.05) else data, "m.tflite")


if list_public():

    @kind(*MODEL_DOORS, share=22)
    def tflite_public(draw: Draw) -> Case:
        return _mutate(draw, draw.choose(list_public()).read_bytes())


@kind(look, rarely(judge, 4), rarely("inspect {file}", 4), rarely("fit {file} --board nucleo-l4r5zi", 8), share=6)
def wrapped(draw: Draw) -> Case:
    """A model as an array of C, in gzip or in an archive, and files that are none."""
    base = draw.choose((small_cnn, autoencoder))()
    data = mutate_model(draw, base) if draw.chance(0.5) else base
    source = f"/* {draw.below(9)} */ const unsigned char g_model[] = {{" + ", ".join(f"0x{one:02x}" for one in data)
    act = draw.below(6)
    if act == 0:
        return Case(mutate_text(draw, source + f"}};\nunsigned int g_model_len = {len(data)};\n"), "model.cc")
    if act == 1:
        return Case(gzip.compress(mutate_text(draw, source + "};\n"), 1, mtime=0), "model.h.gz")
    if act == 2:
        return Case(mutate_bytes(draw, gzip.compress(data, 1, mtime=0)), "m.tflite.gz")
    if act == 3:
        return Case(mutate_bytes(draw, pack_zip([("m.tflite", data)])), "m.zip")
    if act == 4:
        heads = (LFS, b"\x80\x04.", b"\x08\x07\x12\x07pytorch", b"\x7fELF", b"<!DOCTYPE html>", b"\0" * 257 + b"ustar")
        return Case(
            draw.choose(heads) + data[: draw.below(len(data))], draw.choose(("m.onnx", "m.pt", "m.tflite", "m.pb"))
        )
    return Case(b"{" * draw.choose((10, 100_000)) + b"/*" * draw.choose((1, 50_000)), "model.c")
