"""Hand-over to firmware: a folder that a TFLM project of any ecosystem builds, or standalone C."""

from __future__ import annotations

from tinykit.handover.deployment.c import deploy_c
from tinykit.handover.deployment.self_test import SelfTestLog, VectorResult, read_self_test_log
from tinykit.handover.deployment.targets import TARGETS, Exporter, deploy, find_exporter
from tinykit.handover.deployment.tflm import MARGIN, OPERATORS, add_method, deploy_tflm
from tinykit.handover.deployment.writing import Deployment, make_golden_vectors

__all__ = [
    "MARGIN", "OPERATORS", "TARGETS", "Deployment", "Exporter", "SelfTestLog", "VectorResult", "add_method", "deploy",
    "deploy_c", "deploy_tflm", "find_exporter", "make_golden_vectors", "read_self_test_log",
]  # fmt: skip
