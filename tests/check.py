"""`make check`: format, lint, types, import directions, unit tests; each step with its time, all of them in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STEPS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "import directions": ["lint-imports", "--no-cache"],
    "types": ["basedpyright"],
    "thermometers": ["python", "-m", "tests.thermometers"],
    "unit tests": ["pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not slow and not soak and not cluster"],
}


def main() -> int:
    """Runs every step, even after one that failed; the output of a step is shown when it fails."""
    failed: list[str] = []
    for name, command in STEPS.items():
        started = time.monotonic()
        answer = subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=PROJECT,
            # pytest keeps its rewritten modules, whatever the shell says: ten seconds less in each of its processes.
            env={**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started
        last = answer.stdout.strip().splitlines()[-1:] if name == "unit tests" else []
        print(
            f"{name:18} {'ok' if answer.returncode == 0 else 'FAILED':7} {seconds:5.1f} s  {' '.join(last)}", flush=True
        )
        if answer.returncode:
            failed.append(name)
            print(answer.stdout + answer.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
