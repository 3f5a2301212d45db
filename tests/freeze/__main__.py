"""Records: `python -m tests.freeze` at bb0f71e writes all of data/bb0f71e but its project; later, with `--intended`,
what differs today from the named files (`--intended api/jobs.json …`) goes to data/intended, to be reviewed.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.freeze import api, commands, landing, stack
from tests.freeze.golden import COMMIT, INTENDED, ORIGINAL, PARTS, Recording, difference, keep, names
from tests.freeze.placeholders import CHECKOUT

CODE = ("lotus", "pulumi-airbyte/pulumi_airbyte")
RECORDERS = {
    "api": api.record,
    "commands": commands.record_files,
    "landing": landing.record,
    "live": commands.record_live,
}


def main() -> int:
    """Records all parts, or those that the intended differences are in."""
    parser = argparse.ArgumentParser(prog="python -m tests.freeze", description=__doc__)
    parser.add_argument("--intended", nargs="+", metavar="NAME", help="write these, as they are answered today")
    options = parser.parse_args()
    return _record_intended(options.intended) if options.intended else _record_all()


def _record_all() -> int:
    if subprocess.run(["git", "diff", "--quiet", COMMIT, "--", *CODE], cwd=CHECKOUT, check=False).returncode:
        print(
            f"the code is not that of {COMMIT}; name what differs on purpose: python -m tests.freeze --intended NAME…"
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        stack.record(Path(folder))
    for part in PARTS:
        for name in names(part):
            (ORIGINAL / name).unlink()
        recording = _recorded(part)
        for name, content in recording.items():
            keep(ORIGINAL, name, content)
        print(f"{part}: {len(recording)} files")
    return 0


def _record_intended(wanted: list[str]) -> int:
    unknown = [name for name in wanted if not (ORIGINAL / name).is_file()]
    if unknown:
        print(f"data/{COMMIT} has no {', '.join(unknown)}")
        return 2
    for part in sorted({name.partition("/")[0] for name in wanted}):
        for name, content in _recorded(part).items():
            if not (ORIGINAL / name).is_file() or not (changes := difference(name, content)):
                continue
            if name not in wanted:
                print(f"{name} differs too, and was not named")
                continue
            keep(INTENDED, name, content)
            print(f"{changes}\nwrote data/intended/{name}: give its reason in INTENDED.md")
    return 0


def _recorded(part: str) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        return RECORDERS[part](Path(folder))


if __name__ == "__main__":
    raise SystemExit(main())
