"""What is installed: hashes for every locked version, an audit that never takes silence for safety, and licences."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import audit, licences, lock

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (ROOT / lock.HASHED).read_text(encoding="utf-8")
CARRIERS = (ROOT / lock.CARRIERS).read_text(encoding="utf-8")
INSTALLED = {"numpy": "2.1.0", "tqdm": "4.66.0"}
CLEAR = {
    "dependencies": [
        {"name": "numpy", "version": "2.1.0", "vulns": []},
        {"name": "tqdm", "version": "4.66.0", "vulns": []},
    ]
}
SEEN = {
    "dependencies": [
        {"name": "Jinja2", "version": "2.10", "vulns": [{"id": "CVE-2019-10906", "fix_versions": ["2.10.1"]}]}
    ]
}


# hashes


def test_every_locked_version_has_the_hash_of_a_file():
    locked = lock.read((ROOT / lock.LOCK).read_text(encoding="utf-8").splitlines())
    hashed = lock.read_files(PACKAGES.splitlines())
    assert {pair for versions in locked.values() for pair in versions.items()} == set(hashed)
    assert all(digests and all(re.fullmatch(r"[0-9a-f]{64}", one) for one in digests) for digests in hashed.values())


def test_the_carriers_are_hashed_in_the_versions_of_the_data_cards():
    files = [*(ROOT / lock.CARDS).glob("*.toml"), ROOT / lock.TESTED]
    cards = [text for card in files for text in lock.CARRIER.findall(card.read_text())]
    assert sorted("==".join(pair) for pair in lock.read_files(CARRIERS.splitlines())) == sorted({*cards})


@pytest.mark.parametrize("text", [PACKAGES, CARRIERS], ids=["packages", "carriers"])
def test_the_hashes_tell_of_no_machine_and_are_whole(text):
    assert not re.search(r"https?:|file:|@ |^-", re.sub(r"^#.*$", "", text, flags=re.M), re.M)
    assert re.findall(r"^[\w.-]+==[^\\\n]*(?! \\)$", text, re.M) == []


def test_hashes_are_written_as_they_are_read():
    versions = {"3.11": {"numpy": "2.4", "strenum": "1"}, "3.12": {"numpy": "2.5"}, "3.13": {"numpy": "2.5"}}
    files = {("numpy", "2.4"): {"a" * 64}, ("numpy", "2.5"): {"b" * 64, "c" * 64}, ("strenum", "1"): {"d" * 64}}
    lines = lock.hash_lines(versions, files)
    assert lines[0].startswith("numpy==2.4 ; python_version == '3.11' \\\n    --hash=sha256:aaa")
    assert lines[1].startswith("numpy==2.5 ; python_version == '3.12' or python_version == '3.13' \\\n")
    assert lock.read_files("\n".join(lines).splitlines()) == files


@pytest.fixture
def install(tmp_path):
    """What `make` asks of pip in an environment whose pip takes or refuses files by their hashes."""

    def make(locked: str, *, offered: bool) -> tuple[int, str, list[str]]:
        venv, asked = tmp_path / "venv", tmp_path / "asked"
        (venv / "bin").mkdir(parents=True)
        refuse = "" if offered else 'case "$*" in *--require-hashes*) exit 1;; esac'
        (venv / "bin" / "python").write_text(f'#!/bin/sh\necho "$*" >> {asked}\n{refuse}\n')
        (venv / "bin" / "python").chmod(0o755)
        command = ["make", "--no-print-directory", f"VENV={venv}", f"LOCKED={locked}", f"{venv}/.installed"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = [line for line in asked.read_text().splitlines() if " install " in f" {line} " and "pip>=" not in line]
        return done.returncode, done.stdout + done.stderr, lines

    return make


BY_HASH = [f"--no-deps --require-hashes --requirement {one}" for one in (lock.HASHED, lock.CARRIERS)]


@pytest.mark.parametrize("locked", ["1", "prefer"])
def test_make_takes_each_file_by_its_hash(install, locked):
    status, said, asked = install(locked, offered=True)
    assert status == 0, said
    assert [any(wanted in line for line in asked) for wanted in BY_HASH] == [True, True]
    assert not [line for line in asked if "--constraint" in line]
    assert "--no-deps --no-build-isolation --editable ." in " ".join(asked)
    assert "NOT LOCKED" not in said


def test_an_index_with_other_files_is_told_and_not_taken_for_the_same(install):
    status, said, asked = install("prefer", offered=False)
    assert status == 0, said
    assert said.count("NOT LOCKED") == 2
    assert "this index offers other files than those of locks/packages.txt" in said
    assert "--constraint constraints.txt --editable .[all,test]" in asked[1]
    assert [line for line in asked if "aeon==" in line and "--no-deps" in line]


def test_locked_without_the_files_fails(install):
    status, said, asked = install("1", offered=False)
    assert status != 0
    assert "LOCKED=1: this index does not offer the files that locks/packages.txt has the hashes of" in said
    assert not [line for line in asked if "--constraint" in line]


def test_a_newcomer_asks_by_version_and_ci_by_hash(install):
    status, _, asked = install("", offered=False)
    assert status == 0
    assert not [line for line in asked if "hashes" in line]
    assert 'export LOCKED="${LOCKED:-prefer}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


# audit


def ask(first, second):
    """What pip-audit is made to say of the package that is known, and of those installed."""
    return lambda path: first if audit.CANARY[0] in path.read_text() else second


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(audit, "FOLDER", tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "status", "said"),
    [
        (SEEN, CLEAR, 0, "no vulnerability is known of any of 2 packages"),
        ({"dependencies": [{"name": "jinja2", "vulns": []}]}, CLEAR, 3, "NOT CHECKED: 2 of 2 .*no advisory data"),
        ({"dependencies": [{"name": "jinja2", "skip_reason": "no index"}]}, CLEAR, 3, r"advisory data .*\(no index\)"),
        ("pip-audit reported nothing: no route", CLEAR, 3, "NOT CHECKED: 2 of 2 packages.*no route"),
        (SEEN, "pip-audit could not be run: gone", 3, "NOT CHECKED: 2 of 2 packages.*gone"),
        (SEEN, {"dependencies": CLEAR["dependencies"][:1]}, 3, "NOT CHECKED: 1 of 2 .*nothing of it\n  tqdm 4.66.0"),
        (SEEN, {"dependencies": []}, 3, "NOT CHECKED: 2 of 2"),
    ],
)  # fmt: skip
def test_silence_is_not_safety(first, second, status, said):
    found, lines = audit.tell(INSTALLED, *audit.find_advisories(INSTALLED, ask(first, second)))
    assert found == status
    assert re.search(said, "\n".join(lines))
    assert (status == 0) == ("no vulnerability is known" in "\n".join(lines))


def test_a_known_vulnerability_is_told_also_where_others_were_not_checked():
    row = {"name": "numpy", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.2"]}]}
    found, lines = audit.tell(INSTALLED, *audit.find_advisories(INSTALLED, ask(SEEN, {"dependencies": [row]})))
    assert found == 1
    assert lines[0] == "numpy 2.1.0: PYSEC-1 (mended in 2.2)"
    assert "NOT CHECKED: 1 of 2" in lines[1]


def test_everything_installed_is_asked_about_but_the_kit():
    installed = audit.list_installed()
    assert {"numpy", "tensorflow", "unicorn", "tflite-micro"} <= installed.keys()
    assert "tinykit" not in installed


def test_a_pip_audit_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert str(audit.ask_pip_audit(tmp_path / "none.txt")).startswith("pip-audit could not be run")


# licences


def test_pieces_under_a_gpl_are_named_with_how_they_are_kept_apart():
    status, lines = licences.tell(licences.read_licence(one) for one in licences.metadata.distributions())
    gpl = {line.split(" ")[1] for line in lines if line.startswith("GPL: ")}
    assert status == 0, [line for line in lines if "NOT TOLD OF" in line]
    assert "unicorn" in gpl
    assert gpl <= licences.APART.keys()


def test_a_gpl_that_nobody_told_of_is_a_failure():
    for one in (licences.Licence("new", "1", "GPL-3.0-only"), licences.Licence("new", "1", "MIT", ("new/COPYING",))):
        status, lines = licences.tell([one])
        assert status == 1
        assert "NOT TOLD OF" in lines[-1]
    assert licences.tell([licences.Licence("new", "1", "MPL-2.0")])[0] == 0


def test_nothing_but_one_child_imports_the_emulator():
    found = [
        path
        for path in (ROOT / "tinykit").rglob("*.py")
        if re.search(r"^\s*(import|from) unicorn", path.read_text(), re.M)
    ]
    assert [str(path.relative_to(ROOT)) for path in found] == ["tinykit/handover/virtual_board/child.py"]
