"""`lotus init`: somebody's own repository, which validates, runs and previews at once.

It pins both distributions as this lotus itself was installed: by git revision, by version, or by wheels that come along
in `wheels/` (a checkout is built into wheels first).
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from lotus.errors import ConfigError, ToolError
from lotus.operations.files import inside, json_text, write
from lotus.operations.schema import FOLDER as SCHEMAS
from lotus.operations.schema import NAMES, reference_to, schema

LOTUS, PROVIDER = "lotus-lake", "pulumi-airbyte"
EXTRAS = "cli,embedded"
WHEELS = "wheels"
_SCAFFOLD = Path(__file__).parent / "scaffold"
_FILES = {
    "Pulumi.yaml": "pulumi.txt",
    "Pulumi.dev.yaml": "pulumi.dev.txt",
    "__main__.py": "main.txt",
    "Makefile": "makefile.txt",
    "README.md": "readme.txt",
    ".gitignore": "gitignore.txt",
    "plugin/pulumi-resource-airbyte": "plugin.txt",
}
_PROJECT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Pin:
    """How one distribution is required: a line of requirements.txt, and the wheel that it names, if any."""

    distribution: str
    line: str
    wheel: Path | None = None

    def requirement(self, extras: str = "") -> str:
        """The line, with extras where they belong."""
        mark = f"[{extras}]" if extras else ""
        if self.wheel is not None:
            return f"./{WHEELS}/{self.wheel.name}{mark}"
        return self.line.replace(self.distribution, self.distribution + mark, 1)


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was made: new files, files that were there and stay, and how lotus is pinned."""

    folder: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    pinned: tuple[str, ...]


def init(folder: Path, *, name: str | None = None, source: str | None = None) -> Initialised:
    """Makes a lotus project in `folder`; what is there already stays as it is.

    Args:
        name: the Pulumi project's name; absent: the folder's.
        source: `git+https://…@TAG`, or a folder with wheels of both distributions; absent: as this lotus is installed.

    Raises:
        ConfigError: the folder is a Pulumi project already, the name or the source is of no use.
        ToolError: the wheels of a checkout cannot be built.
    """
    if (folder / "Pulumi.yaml").exists():
        raise ConfigError(
            "this folder is a Pulumi project already", where=str(folder / "Pulumi.yaml"), fix="name another folder"
        )
    name = name or re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-") or "lake"
    if not _PROJECT_NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" cannot be a project\'s name', where="--name", fix="use letters, digits, -, _ and ."
        )
    with tempfile.TemporaryDirectory(prefix="lotus-wheels-") as temporary:
        pins = _pins(source, Path(temporary))
        texts = _texts(name, pins)
        folder.mkdir(parents=True, exist_ok=True)
        kept = tuple(sorted(file for file in texts if (folder / file).exists()))
        written: list[str] = []
        for wheel in (pin.wheel for pin in pins if pin.wheel is not None):
            target = inside(folder, folder / WHEELS / wheel.name)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(wheel, target)
            written.append(f"{WHEELS}/{wheel.name}")
        # Pulumi.yaml last: with it the folder counts as a project, so that an interrupted run can be repeated.
        for file in sorted(texts, key=lambda f: (f == "Pulumi.yaml", f)):
            if file not in kept:
                write(folder, folder / file, texts[file])
                written.append(file)
    (folder / "plugin" / "pulumi-resource-airbyte").chmod(0o755)
    return Initialised(str(folder), tuple(sorted(written)), kept, tuple(pin.requirement() for pin in pins))


def _texts(name: str, pins: tuple[Pin, ...]) -> dict[str, str]:
    texts = {file: (_SCAFFOLD / template).read_text(encoding="utf-8") for file, template in _FILES.items()}
    texts = {file: text.replace("@NAME@", name) for file, text in texts.items()}
    lake: Any = json.loads((_SCAFFOLD / "lake.json").read_text(encoding="utf-8"))
    texts["streams/_destinations/lake.json"] = json_text({"$schema": reference_to("destination"), **lake})
    texts["streams/_destinations/_discovered/lake.json"] = (_SCAFFOLD / "lake.spec.json").read_text(encoding="utf-8")
    texts |= {f"streams/{SCHEMAS}/{each}.json": json_text(schema(each)) for each in NAMES}
    provider, lotus = pins
    texts["requirements.txt"] = (
        f"# What the Pulumi program needs, and no more: an operator's pod installs it.\n"
        f"{provider.requirement()}\n{lotus.requirement()}\n"
    )
    texts["requirements-dev.txt"] = (
        f"# The same with the command line and the embedded Airbyte.\n"
        f"{provider.requirement()}\n{lotus.requirement(EXTRAS)}\n"
    )
    return texts


def _pins(source: str | None, temporary: Path) -> tuple[Pin, ...]:
    """The provider's pin and lotus's own."""
    if source is None:
        return tuple(_as_installed(distribution, temporary) for distribution in (PROVIDER, LOTUS))
    if source.startswith("git+"):
        if "@" not in urlsplit(source.removeprefix("git+")).path:
            raise ConfigError("the git URL names no revision", where=source, fix="write git+https://…@TAG")
        return (_git(PROVIDER, source, "pulumi-airbyte"), _git(LOTUS, source, ""))
    folder = Path(source)
    if not folder.is_dir():
        raise ConfigError(
            f'"{source}" is neither a git URL nor a folder with wheels',
            where="--from",
            fix="write git+https://…@TAG, or name a folder that holds both wheels",
        )
    return tuple(_wheel(distribution, folder) for distribution in (PROVIDER, LOTUS))


def _git(distribution: str, url: str, subdirectory: str) -> Pin:
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    return Pin(distribution, f"{distribution} @ {url}{fragment}")


def _wheel(distribution: str, folder: Path) -> Pin:
    found = sorted(folder.glob(f"{distribution.replace('-', '_')}-*.whl"))
    if len(found) != 1:
        raise ConfigError(
            f"the folder holds {'several wheels' if found else 'no wheel'} of {distribution}",
            where=str(folder),
            fix="keep the one that is meant"
            if found
            else f"uv build --wheel --out-dir {folder}, for both distributions",
        )
    return Pin(distribution, "", found[0])


def _as_installed(distribution: str, temporary: Path) -> Pin:
    """The pin that gives what runs here; PEP 610's record says where it came from."""
    installed = importlib.metadata.distribution(distribution)
    record = installed.read_text("direct_url.json")
    if not record:
        return Pin(distribution, f"{distribution}=={installed.version}")
    origin = cast("dict[str, Any]", json.loads(record))
    url = str(origin["url"])
    if vcs := origin.get("vcs_info"):
        revision = vcs.get("requested_revision") or vcs["commit_id"]
        return _git(distribution, f"{vcs['vcs']}+{url}@{revision}", str(origin.get("subdirectory") or ""))
    path = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
    if path is None:
        return Pin(distribution, f"{distribution} @ {url}")
    if path.is_file():
        return Pin(distribution, "", path)
    if not path.is_dir():
        raise ConfigError(
            f"{distribution} was installed from {path}, which is gone",
            where="lotus init",
            fix="say where it comes from: --from git+https://…@TAG, or --from a folder with both wheels",
        )
    return Pin(distribution, "", _built(distribution, path, temporary))


def _built(distribution: str, checkout: Path, temporary: Path) -> Path:
    """A wheel of a checkout."""
    program = Path(sys.executable).parent / "uv"
    command = [program if program.exists() else "uv", "build", "--quiet", "--wheel", "--out-dir", temporary, checkout]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        raise ToolError("uv is not installed", fix="pip install 'lotus-lake[cli]'") from None
    found = sorted(temporary.glob(f"{distribution.replace('-', '_')}-*.whl"))
    if answer.returncode or len(found) != 1:
        words = answer.stderr.strip().splitlines()[-3:]
        raise ToolError(
            f"the wheel of {distribution} could not be built: {' / '.join(words)}",
            where=str(checkout),
            fix="check that the network reaches the Python package index, or name wheels: --from DIR",
        )
    return found[0]
