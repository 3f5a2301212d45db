"""`python3 -m lotus.tools setup`: from a fresh clone to an environment and tools, side by side, once.

Runs under the system's Python before anything is installed, so: standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lotus.errors import LotusError, ToolError
from lotus.tools import TOOLS, ensure, find
from lotus.tools.build import pulumi_can_be_downloaded
from lotus.tools.launcher import write_launcher
from lotus.tools.progress import reporting, say, step

UV = "uv==0.13.8"
_SELDOM_READ = "/(pulumi_kubernetes|lightkube.*|pip|setuptools|debugpy|pygments|Crypto|tests?)/"
"""Packages that a preview or a sync does not import; compiling them would take half of the time."""
PROJECT = Path(__file__).resolve().parents[2]


def setup(project: Path, *, tests: bool) -> None:
    """Makes `.venv` and has every tool ready; does nothing, in milliseconds, where all is there.

    Args:
        tests: with what the tests need, too; a first `make run` does without.
    """
    environment = project / ".venv"
    fill = _python_environment(project, environment, tests=tests)
    install_tools(project, environment, fill)


def install_tools(project: Path, environment: Path, fill: Callable[[], None] = lambda: None) -> None:
    """Has pulumi and the dev stack's S3, built beside `fill`, which completes the Python environment."""
    python = environment / "bin" / "python"
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(ensure, name, python=python) for name in _missing_s3(project)]
        downloads = find("pulumi") is not None or pulumi_can_be_downloaded()
        if not downloads:  # then there is no need to wait for its installer, which is in the environment
            say("pulumi: its download host is out of reach from here")
            waiting.append(pool.submit(ensure, "pulumi", python=python, downloads=False))
        fill()
        if downloads:
            ensure("pulumi", python=python)
        for future in waiting:
            future.result()
    write_launcher(environment)


def _missing_s3(project: Path) -> list[str]:
    """The S3 to build: none where one was given, now or before, or any is installed."""
    record = project / ".lotus" / "dev" / "dev.json"
    try:
        given = bool(json.loads(record.read_text()).get("given_s3"))
    except (OSError, ValueError):
        given = False
    named = os.environ.get("S3_ENDPOINT")
    if named or (given and named is None) or find("versitygw") or find("minio"):
        return []
    return ["versitygw"]


def _python_environment(project: Path, environment: Path, *, tests: bool) -> Callable[[], None]:
    """Creates the environment's frame now; returns the step that fills it, which can run beside a build."""
    stamp = environment / ".lotus-ready"
    fingerprint = _fingerprint(project)
    ready = stamp.read_text().splitlines() if stamp.exists() else []
    if ready[:1] == [fingerprint] and (not tests or "tests" in ready):
        return lambda: None
    if not (environment / "bin" / "python").exists() or not _has_pip(environment):
        shutil.rmtree(environment, ignore_errors=True)
        with step("python", "creating .venv"):
            _checked(
                [sys.executable, "-m", "venv", environment],
                fix="install the venv module of this Python (Debian: python3-venv), then run it again",
            )

    def fill() -> None:
        _install(project, environment, tests=tests)
        stamp.write_text(f"{fingerprint}\n{'tests' if tests else ''}\n")
        say("python: ready")

    return fill


def _install(project: Path, environment: Path, *, tests: bool) -> None:
    python = environment / "bin" / "python"
    fix = "check that the network reaches the Python package index, then run it again"
    more = ["--group", "dev"] if tests else []
    what = "the program, the command line, the local server" if tests else "the program, the command line"
    last = "the tests" if tests else "the local server"
    with step("python", f"installing what {what} and {last} need"):
        _checked([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV], fix=fix)
        _checked(
            [
                *(environment / "bin" / "uv", "pip", "install", "--quiet", "--python", python),
                *("--constraint", "lotus/tools/constraints.txt", "--editable", ".[cli,embedded]", *more),
            ],
            cwd=project,
            fix=fix,
        )
        # Where PYTHONDONTWRITEBYTECODE is set, every command and preview would compile lotus again: half a second.
        packages = (environment / "lib").glob("python*/site-packages")
        compiled = ["lotus", "pulumi-airbyte", "lotus-server", *packages]
        _checked(
            [python, "-m", "compileall", "-q", "-j", "2", "-x", _SELDOM_READ, *compiled],
            cwd=project,
            fix=fix,
        )


def _has_pip(environment: Path) -> bool:
    command = [environment / "bin" / "python", "-c", "import pip"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fingerprint(project: Path) -> str:
    files = (
        "pyproject.toml",
        "pulumi-airbyte/pyproject.toml",
        "lotus-server/pyproject.toml",
        "lotus/tools/constraints.txt",
    )
    digest = hashlib.sha256(f"{sys.version_info[:3]} {project} {UV}".encode())
    for name in files:
        digest.update((project / name).read_bytes())
    return digest.hexdigest()


def _checked(command: list[str | Path], *, fix: str, cwd: Path | None = None) -> None:
    process = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if process.returncode:
        words = (process.stderr.strip() or process.stdout.strip()).splitlines()[-4:]
        raise ToolError(" / ".join(words), where=" ".join(str(part) for part in command[:4]), fix=fix)


def main() -> int:
    """Runs one of the verbs; faults come as three short sentences."""
    parser = argparse.ArgumentParser(prog="python3 -m lotus.tools", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    setup_verb = verbs.add_parser("setup", help="environment and tools for this clone")
    setup_verb.add_argument("--tests", action="store_true", help="with what the tests need")
    verbs.add_parser("tools", help="the tools alone, for the environment that this runs in")
    buildable = sorted(name for name, tool in TOOLS.items() if tool.packages)
    verbs.add_parser("ensure", help="one tool, into the user's cache").add_argument("tool", choices=buildable)
    arguments = parser.parse_args()
    try:
        with reporting():
            if arguments.verb == "setup":
                setup(PROJECT, tests=arguments.tests)
            elif arguments.verb == "tools":
                install_tools(Path.cwd(), Path(sys.prefix))
            else:
                print(ensure(arguments.tool, python=Path(sys.executable)))
    except LotusError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; run the same command again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
