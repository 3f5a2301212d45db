"""Fills a folder with every wheel that the program's environment is made of, so that a pod needs no index.

`python -m lotus.gitops.wheelhouse FOLDER`, in the project's folder. Besides requirements.txt these are pip, setuptools
and wheel, which `pulumi install` upgrades first, and what builds the distributions that requirements.txt names by path.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

INSTALLERS = ("pip", "setuptools", "wheel")


def build_requirements(project: Path) -> list[str]:
    """What the `[build-system]` of each local distribution in requirements.txt asks for."""
    requirements: list[str] = []
    for line in (project / "requirements.txt").read_text().splitlines():
        definition = project / line.strip() / "pyproject.toml"
        if line.startswith("./") and definition.exists():
            requirements += tomllib.loads(definition.read_text())["build-system"]["requires"]
    return sorted(set(requirements))


def fill_wheelhouse(project: Path, folder: Path) -> None:
    """Builds or fetches the wheels, for the Python that runs this."""
    requirements = ["--requirement", "requirements.txt", *build_requirements(project), *INSTALLERS]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder.absolute()), *requirements]
    subprocess.run(command, cwd=project, check=True)


def main() -> int:
    """The image's build step."""
    parser = argparse.ArgumentParser(prog="python -m lotus.gitops.wheelhouse", description=__doc__)
    parser.add_argument("folder", type=Path)
    fill_wheelhouse(Path(), parser.parse_args().folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
