"""What every test relies on: figures draw to memory, and CI takes a skipped test for a failed one."""

from __future__ import annotations

import os

import pytest

collect_ignore_glob = ["bench/*"]

os.environ.setdefault("MPLBACKEND", "agg")


def _skipped(session: pytest.Session) -> list[pytest.TestReport]:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if os.environ.get("TINYKIT_NO_SKIPS") and exitstatus == pytest.ExitCode.OK and _skipped(session):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"not run: {report.nodeid}: {reason}")
    if skipped and os.environ.get("TINYKIT_NO_SKIPS"):
        terminalreporter.write_line("TINYKIT_NO_SKIPS is set: a skipped test counts as a failure")
