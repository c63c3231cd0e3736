"""What other tools made, of strangers: reports of ST's code generators, exports of Edge Impulse."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ei_exports import AGES, make
from tests.fuzz.case import Case, Draw, kind, rarely
from tests.fuzz.mutating import mutate_bytes, mutate_text, mutate_zip
from tests.models import small_cnn
from tests.st_reports import VERSIONS, Said, files, write_npu
from tinykit.handover.readback.matching import report_impulse
from tinykit.handover.readback.report import read_report
from tinykit.model.impulse import read_impulse

MODEL = {"model.tflite": small_cnn()}


def read_a_report(path: Path) -> None:
    json.dumps(read_report(path).to_json(), allow_nan=False)


@kind(read_a_report, rarely("readback {file} --model model.tflite", 4), rarely("readback . --json", 8), share=4)
def report(draw: Draw) -> Case:
    said = Said(version=draw.choose(VERSIONS), runtime=draw.choose((None, (9000, 800, 12, 2000))))
    told = files(said) | {"npu_report.txt": write_npu(Said(version="3.0.0"))}
    name = draw.choose(sorted(told))
    return Case(mutate_text(draw, told[name]), name, MODEL)


def read_an_export(path: Path) -> None:
    json.dumps(report_impulse(read_impulse(path)).to_json(), allow_nan=False)


@kind(read_an_export, rarely("readback {file} --json", 4), rarely("fit {file} --board nucleo-l4r5zi --json", 6),
      rarely("budget {file} --board nucleo-u575zi-q --period 0.2", 8), share=3)  # fmt: skip
def impulse(draw: Draw) -> Case:
    members = make(draw.choose(AGES), MODEL["model.tflite"])
    return Case(mutate_zip(draw, members, _member), "export.zip", MODEL)


def _member(draw: Draw, name: str, data: bytes) -> bytes:
    text = name.endswith((".h", ".cpp")) and draw.chance(0.9)
    return mutate_text(draw, data.decode()) if text else mutate_bytes(draw, data)
