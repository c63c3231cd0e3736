"""The course as a static page that needs no installation: `make site`, or `python -m tools.site [--pyodide FOLDER]`.

JupyterLite with the notebooks that need no engine; the others open with a line that says what they need. Everything
comes from the page's own address: kernel, packages, data. `python -m http.server` in the folder serves it, also from a
stick. The kit's own wheel lies in it with the versions it was tested in, for whoever wants more than a browser can.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tools.site.browser_packages import Recipe, fetch, fill
from tools.site.course import write_course

ROOT = Path(__file__).resolve().parents[2]
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"


def main(arguments: list[str] | None = None) -> int:
    """Build the page and print what weighs in it."""
    parser = argparse.ArgumentParser(prog="tools.site", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the folder of the page")
    parser.add_argument("--pyodide", type=Path, help="a distribution of Pyodide (default: the pinned one)")
    chosen = parser.parse_args(arguments)
    work = chosen.out.with_name(chosen.out.name + "-work")
    shutil.rmtree(work, ignore_errors=True)
    recipe = Recipe.read()
    pyodide = chosen.pyodide or fetch(recipe, work)
    fill(recipe, pyodide, work / "lite" / "static" / "pyodide", work=work, root=ROOT)
    write_course(ROOT, work / "lite" / "files")
    _configure(work / "lite")
    _build(work / "lite", work / "page")
    _publish(work / "page", chosen.out)
    shutil.copy(ROOT / "constraints.txt", chosen.out)
    shutil.rmtree(work)
    print(weigh(chosen.out))
    print(f"Serve it: cd {chosen.out} && python -m http.server")
    return 0


def _configure(lite: Path) -> None:
    kernel = {
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"env": {"HOME": "/home/pyodide", "MPLBACKEND": "agg"}},
    }
    config = {
        "appName": "tinykit",
        "exposeAppInBrowser": True,
        "disabledExtensions": ["@jupyterlab/docprovider-extension"],
        "litePluginSettings": {KERNEL: kernel},
    }
    content = {"jupyter-lite-schema-version": 0, "jupyter-config-data": config}
    (lite / "jupyter-lite.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    settings = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    }
    (lite / "overrides.json").write_text(json.dumps(settings), encoding="utf-8")


def _build(lite: Path, page: Path) -> None:
    command = [
        sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", lite, "--output-dir", page,
        "--contents", lite / "files", "--apps", "lab", "--apps", "notebooks", "--apps", "tree",
        "--no-unused-shared-packages", "--no-sourcemaps",
    ]  # fmt: skip
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False, cwd=lite)
    if done.returncode:
        sys.exit(f"jupyter lite build failed ({done.returncode}):\n{(done.stdout + done.stderr)[-2000:]}")


def _publish(page: Path, out: Path) -> None:
    for path in page.rglob("*.map"):
        path.unlink()
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(page, out)


def weigh(page: Path) -> str:
    """The folders of the page by size, in MB, as a Markdown table."""
    sizes: dict[str, int] = {}
    for path in page.rglob("*"):
        if path.is_file():
            parts = path.relative_to(page).parts[:2]
            group = "/".join(parts[:2]) if parts[0] in ("static", "extensions") else parts[0]
            sizes[group] = sizes.get(group, 0) + path.stat().st_size
    rows = sorted(sizes.items(), key=lambda row: -row[1])
    shown = [f"| {name} | {size / 1e6:.1f} |" for name, size in rows if size > 200_000]
    return "\n".join(["| part | MB |", "|---|---:|", *shown, f"| **all** | **{sum(sizes.values()) / 1e6:.1f}** |"])


if __name__ == "__main__":
    sys.exit(main())
