"""`python3 -m lotus.tools setup`: from a fresh clone to an environment and tools, side by side, once.

Runs under the system's Python before anything is installed, so: standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lotus.errors import LotusError, ToolError
from lotus.tools import TOOLS, ensure, find

UV = "uv==0.13.8"
PROJECT = Path(__file__).resolve().parents[2]
_started = time.monotonic()
_printing = threading.Lock()


def say(line: str) -> None:
    """One line of progress on stderr, with the seconds since the start."""
    with _printing:
        print(f"[{time.monotonic() - _started:4.0f} s] {line}", file=sys.stderr, flush=True)


def setup(project: Path) -> None:
    """Makes `.venv` and has every tool ready; does nothing, in milliseconds, where all is there."""
    environment = project / ".venv"
    with ThreadPoolExecutor(max_workers=2) as pool:
        python = _python_environment(project, environment)
        tools = [] if os.environ.get("S3_ENDPOINT") else ["minio"]
        waiting = [pool.submit(_ensure_in, environment, tool) for tool in tools if find(tool) is None]
        python()
        if find("pulumi") is None:
            ensure("pulumi", say=say, python=environment / "bin" / "python")
        for future in waiting:
            future.result()


def _python_environment(project: Path, environment: Path):
    """Creates the environment's frame now; returns the step that fills it, which can run beside a build."""
    stamp = environment / ".lotus-ready"
    wanted = _fingerprint(project)
    if stamp.exists() and stamp.read_text() == wanted:
        return lambda: None
    if not (environment / "bin" / "python").exists() or not _has_pip(environment):
        say("python: making .venv")
        shutil.rmtree(environment, ignore_errors=True)
        _checked(
            [sys.executable, "-m", "venv", environment],
            fix="install the venv module of this Python (Debian: python3-venv), then run it again",
        )

    def fill() -> None:
        say("python: installing what the program, the command line, the embedded Airbyte and the tests need")
        python = environment / "bin" / "python"
        fix = "check that the network reaches the Python package index, then run it again"
        _checked([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV], fix=fix)
        _checked(
            [
                *(environment / "bin" / "uv", "pip", "install", "--quiet", "--python", python),
                *("--compile-bytecode", "--constraint", "lotus/tools/constraints.txt"),
                *("--editable", ".[cli,embedded]", "--group", "dev"),
            ],
            cwd=project,
            fix=fix,
        )
        # Where PYTHONDONTWRITEBYTECODE is set, every command and preview would compile lotus again: half a second.
        _checked([python, "-m", "compileall", "-q", "lotus", "pulumi-airbyte"], cwd=project, fix=fix)
        stamp.write_text(wanted)
        say("python: ready")

    return fill


def _has_pip(environment: Path) -> bool:
    command = [environment / "bin" / "python", "-c", "import pip"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fingerprint(project: Path) -> str:
    files = ("pyproject.toml", "pulumi-airbyte/pyproject.toml", "lotus/tools/constraints.txt")
    digest = hashlib.sha256(f"{sys.version_info[:3]} {project} {UV}".encode())
    for name in files:
        digest.update((project / name).read_bytes())
    return digest.hexdigest()


def _ensure_in(environment: Path, tool: str) -> None:
    """Builds a tool in a process of its own: the environment's Python has the pip that may have to fetch Go."""
    answer = subprocess.run(
        [environment / "bin" / "python", "-m", "lotus.tools", "ensure", tool], cwd=PROJECT, check=False
    )
    if answer.returncode:
        raise ToolError(f"{tool} could not be installed", where="the lines above", fix="mend that, then run it again")


def _checked(command: list[str | Path], *, fix: str, cwd: Path | None = None) -> None:
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if answer.returncode:
        words = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-4:]
        raise ToolError(" / ".join(words), where=" ".join(str(part) for part in command[:4]), fix=fix)


def main() -> int:
    """Runs one of the two verbs; faults come as three short sentences."""
    parser = argparse.ArgumentParser(prog="python3 -m lotus.tools", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("setup", help="environment and tools for this clone")
    verbs.add_parser("ensure", help="one tool, into the user's cache").add_argument("tool", choices=sorted(TOOLS))
    asked = parser.parse_args()
    try:
        if asked.verb == "setup":
            setup(PROJECT)
        else:
            print(ensure(asked.tool, say=say, python=Path(sys.executable)))
    except LotusError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
