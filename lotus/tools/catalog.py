"""Which programs there are, and where one is found when it is there already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Package:
    """One Go main package of a tool: built with the pinned module in `module`, version stamped by `ldflags`."""

    module: str
    package: str
    ldflags: str = "-s -w"


@dataclass(frozen=True)
class Tool:
    """A program, the version that lotus needs, and what to build where it is not available ready-made.

    `copied` names scripts that lie in a Go module beside its packages: (module version, path inside it).
    `fits` says whether a program found on PATH will do.
    """

    name: str
    version: str
    minutes: int
    packages: tuple[Package, ...]
    copied: tuple[tuple[str, str], ...] = ()
    fits: Callable[[Path], bool] = field(default=lambda _path: True)

    @property
    def folder(self) -> Path:
        """Where this version lives in the cache; it exists only when the tool is whole."""
        return cache_folder() / "tools" / f"{self.name}-{self.version}"


def cache_folder() -> Path:
    """The user's cache for built tools and installed connectors."""
    if folder := os.environ.get("LOTUS_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "lotus"


def version_of(program: Path, *arguments: str) -> tuple[int, ...]:
    """The first dotted number that `program` prints, as a tuple; empty when it prints none or cannot run."""
    try:
        process = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", process.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _pulumi_fits(program: Path) -> bool:
    """A pulumi that is at least as new as the SDK, of the same major version, with a Python language host."""
    version = version_of(program, "version")
    sdk_version = tuple(int(part) for part in PULUMI_VERSION.split("."))
    with_host = shutil.which(
        "pulumi-language-python", path=f"{program.resolve().parent}{os.pathsep}{os.environ['PATH']}"
    )
    return sdk_version <= version < (sdk_version[0] + 1,) and with_host is not None


PULUMI_VERSION = "3.259.0"
_SDK = "github.com/pulumi/pulumi/sdk/v3"

TOOLS: dict[str, Tool] = {
    "pulumi": Tool(
        name="pulumi",
        version=PULUMI_VERSION,
        minutes=5,
        packages=(
            # The Python language host is no published module any more; the last one that was still speaks to this
            # engine when the environment's Python comes first on PATH
            # (docs/pulumi-behaviour.md#the-python-language-host).
            Package("pulumi-language-python", f"{_SDK}/python/cmd/pulumi-language-python"),
            Package(
                "pulumi",
                "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                f"-s -w -X {_SDK}/go/common/version.Version={PULUMI_VERSION}",
            ),
        ),
        copied=(
            (f"{_SDK}@v{PULUMI_VERSION}", "python/cmd/pulumi-language-python-exec"),
            (f"{_SDK}@v{PULUMI_VERSION}", "python/dist/pulumi-resource-pulumi-python"),
        ),
        fits=_pulumi_fits,
    ),
    "versitygw": Tool(
        name="versitygw",
        version="1.8.0",
        minutes=1,
        packages=(Package("versitygw", "github.com/versity/versitygw/cmd/versitygw", "-s -w -X main.Version=v1.8.0"),),
    ),
    # Not built: it is archived upstream. A MinIO on PATH serves, and one that an older lotus built, for its own data.
    "minio": Tool(name="minio", version="2026.02.12", minutes=0, packages=()),
}


def _path_without_environments() -> str:
    """PATH without the folders of Python environments: a `pulumi` in one of them is a launcher of lotus's."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder).parent / "pyvenv.cfg").exists())


def find(name: str) -> Path | None:
    """The program `name` ("pulumi"): `$LOTUS_<NAME>`, then PATH, then the cache; None when it is nowhere."""
    tool = TOOLS[name]
    if path := os.environ.get(f"LOTUS_{name.upper()}"):
        return Path(path)
    on_path = shutil.which(name, path=_path_without_environments())
    if on_path and tool.fits(Path(on_path)):
        return Path(on_path)
    cached = tool.folder / "bin" / name
    return cached if cached.exists() else None
