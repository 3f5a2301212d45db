"""`lotus init`: a new repository, which validates, runs and previews at once.

It pins the three distributions as this lotus itself was installed: by git revision, or by wheels that come along in
`wheels/` (a checkout is built into wheels first). Never by a name in a package index: lotus is published in none.
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
from typing import Any
from urllib.parse import unquote, urlsplit

from lotus.authoring.files import inside, json_text, write
from lotus.authoring.schema import FOLDER as SCHEMAS
from lotus.authoring.schema import NAMES, editor_settings, reference_to, schema
from lotus.errors import ConfigError, ToolError
from lotus.untyped import as_mapping

LOTUS, PROVIDER, SERVER = "lotus-lake", "pulumi-airbyte", "lotus-server"
_FOLDERS = {PROVIDER: "pulumi-airbyte", SERVER: "lotus-server", LOTUS: ""}
"""The distributions in the order of a requirements file, and where each is in lotus's own repository."""
EXTRAS = "cli,embedded"
WHEELS = "wheels"
_SCAFFOLD = Path(__file__).parent / "scaffold"
_CONSTRAINTS = Path(__file__).parents[1] / "tools" / "constraints.txt"
_PROGRAMS = ("plugin/pulumi-resource-airbyte", ".ci/install-lotus")
_IGNORED = (".venv/", "__pycache__/")
"""What a .gitignore has to name; `.lotus/` ignores itself."""
_FILES = {
    "Pulumi.yaml": "pulumi.txt",
    "Pulumi.dev.yaml": "pulumi.dev.txt",
    "Pulumi.prod.yaml": "pulumi.prod.txt",
    "Pulumi.gitops.yaml": "pulumi.gitops.txt",
    ".github/workflows/pull-request.yml": "pull-request.txt",
    ".github/workflows/drift.yml": "drift.txt",
    ".ci/install-lotus": "install-lotus.txt",
    "Dockerfile": "dockerfile.txt",
    ".dockerignore": "dockerignore.txt",
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
    """What was created: new files, files that existed and stay, and how lotus is pinned."""

    folder: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    pinned: tuple[str, ...]
    not_ignored: tuple[str, ...] = ()
    """Lines that an existing .gitignore lacks."""


def init(folder: Path, *, name: str | None = None, source: str | None = None) -> Initialised:
    """Creates a lotus project in `folder`; files that exist stay as they are.

    Args:
        name: the Pulumi project's name; absent: the folder's.
        source: `git+https://…@TAG`, or a folder with the three wheels; absent: as this lotus is installed.

    Raises:
        ConfigError: the folder is a Pulumi project already, the name or the source is invalid.
        ToolError: the wheels of a checkout cannot be built.
    """
    if (folder / "Pulumi.yaml").exists():
        raise ConfigError(
            "this folder is a Pulumi project already", where=str(folder / "Pulumi.yaml"), fix="name another folder"
        )
    name = _checked_name(name or re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-") or "lake")
    with tempfile.TemporaryDirectory(prefix="lotus-wheels-") as temporary:
        pins = _pins(source, Path(temporary))
        texts = _texts(name, pins)
        folder.mkdir(parents=True, exist_ok=True)
        existing = tuple(sorted(file for file in texts if (folder / file).exists()))
        written = _copy_wheels(folder, pins)
        written += _write_new(folder, {file: text for file, text in texts.items() if file not in existing})
    requirements = tuple(pin.requirement() for pin in pins)
    return Initialised(str(folder), tuple(sorted(written)), existing, requirements, _not_ignored(folder))


def _write_new(folder: Path, texts: dict[str, str]) -> list[str]:
    """Writes the files; their paths in the project."""
    # Pulumi.yaml last: with it the folder counts as a project, so that an interrupted run can be repeated.
    ordered = sorted(texts, key=lambda file: (file == "Pulumi.yaml", file))
    for file in ordered:
        write(folder, folder / file, texts[file])
        if file in _PROGRAMS:
            (folder / file).chmod(0o755)
    return ordered


def _not_ignored(folder: Path) -> tuple[str, ...]:
    ignored = (folder / ".gitignore").read_text(encoding="utf-8").split()
    return tuple(line for line in _IGNORED if line not in ignored and line.rstrip("/") not in ignored)


def _checked_name(name: str) -> str:
    if not _PROJECT_NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" cannot be a project\'s name', where="--name", fix="use letters, digits, -, _ and ."
        )
    return name


def _copy_wheels(folder: Path, pins: tuple[Pin, ...]) -> list[str]:
    """Copies the wheels of the pins into the project; their paths in it."""
    copies: list[str] = []
    for wheel in (pin.wheel for pin in pins if pin.wheel is not None):
        target = inside(folder, folder / WHEELS / wheel.name)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(wheel, target)
        copies.append(f"{WHEELS}/{wheel.name}")
    return copies


def _texts(name: str, pins: tuple[Pin, ...]) -> dict[str, str]:
    texts = {file: (_SCAFFOLD / template).read_text(encoding="utf-8") for file, template in _FILES.items()}
    texts = {file: text.replace("@NAME@", name) for file, text in texts.items()}
    lake: Any = json.loads((_SCAFFOLD / "lake.json").read_text(encoding="utf-8"))
    texts["streams/_destinations/lake.json"] = json_text({"$schema": reference_to("destination"), **lake})
    texts["streams/_destinations/_discovered/lake.json"] = (_SCAFFOLD / "lake.spec.json").read_text(encoding="utf-8")
    texts |= {f"streams/{SCHEMAS}/{each}.json": json_text(schema(each)) for each in NAMES}
    texts["constraints.txt"] = _CONSTRAINTS.read_text(encoding="utf-8")
    texts["Dockerfile"] = _dockerfile(texts["Dockerfile"], pins)
    texts[".vscode/settings.json"] = json_text(editor_settings("streams"))
    provider, server, lotus = pins
    dev = [provider.requirement(), server.requirement(), lotus.requirement(EXTRAS)]
    program = [provider.requirement(), lotus.requirement()]
    image = [provider.requirement(), lotus.requirement("cli")]
    texts["requirements.txt"] = _requirements("the Pulumi program: an operator's pod installs it", program)
    texts["requirements-dev.txt"] = _requirements("a laptop and CI: the command line and the local server too", dev)
    texts["requirements-image.txt"] = _requirements("the workspace image: the command line too", image)
    return texts


def _requirements(what: str, lines: list[str]) -> str:
    """A requirements file; all of lotus is named in it, so that no index is asked for a part of it."""
    return "\n".join([f"# What is needed by {what}.", "-c constraints.txt", *lines]) + "\n"


def _dockerfile(text: str, pins: tuple[Pin, ...]) -> str:
    """With git where the pins are revisions: also the pod then installs from the git host."""
    git = "apt-get update && apt-get install --yes --no-install-recommends git"
    by_git = any("git+" in pin.line for pin in pins)
    text = text.replace("@GIT@", f"{git} \\\n && " if by_git else "")
    return text.replace("@GIT_IN_POD@", f"RUN {git} # requirements.txt names revisions\n" if by_git else "")


def _pins(source: str | None, temporary: Path) -> tuple[Pin, ...]:
    """The pins of the provider, the local server and lotus itself."""
    if source is None:
        return tuple(_as_installed(distribution, temporary) for distribution in _FOLDERS)
    if source.startswith("git+"):
        if "@" not in urlsplit(source.removeprefix("git+")).path:
            raise ConfigError("the git URL names no revision", where=source, fix="write git+https://…@TAG")
        return tuple(_git(distribution, source, subdirectory) for distribution, subdirectory in _FOLDERS.items())
    folder = Path(source)
    if not folder.is_dir():
        raise ConfigError(
            f'"{source}" is neither a git URL nor a folder with wheels',
            where="--from",
            fix="write git+https://…@TAG, or name a folder that holds the three wheels",
        )
    return tuple(_wheel(distribution, folder) for distribution in _FOLDERS)


def _git(distribution: str, url: str, subdirectory: str) -> Pin:
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    return Pin(distribution, f"{distribution} @ {url}{fragment}")


def _wheel(distribution: str, folder: Path) -> Pin:
    wheels = sorted(folder.glob(f"{distribution.replace('-', '_')}-*.whl"))
    if len(wheels) != 1:
        raise ConfigError(
            f"the folder holds {'several wheels' if wheels else 'no wheel'} of {distribution}",
            where=str(folder),
            fix="keep only one of them"
            if wheels
            else f"uv build --wheel --out-dir {folder}, for each of the three distributions",
        )
    return Pin(distribution, "", wheels[0])


def _as_installed(distribution: str, temporary: Path) -> Pin:
    """The pin that gives what runs here; PEP 610's record says where it came from."""
    installed = importlib.metadata.distribution(distribution)
    record = installed.read_text("direct_url.json")
    if not record:
        raise ConfigError(
            f"lotus init cannot tell where {distribution} {installed.version} was installed from",
            where="lotus init",
            fix="name its origin: --from git+https://…@TAG, or --from a folder with the three wheels",
        )
    origin = as_mapping(json.loads(record))
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
            f"{distribution} was installed from {path}, which no longer exists",
            where="lotus init",
            fix="name its origin: --from git+https://…@TAG, or --from a folder with the three wheels",
        )
    return Pin(distribution, "", _built(distribution, path, temporary))


def _built(distribution: str, checkout: Path, temporary: Path) -> Path:
    """A wheel of a checkout."""
    program = Path(sys.executable).parent / "uv"
    command = [program if program.exists() else "uv", "build", "--quiet", "--wheel", "--out-dir", temporary, checkout]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        raise ToolError("uv is not installed", fix="install lotus with its extra cli, which has it") from None
    wheels = sorted(temporary.glob(f"{distribution.replace('-', '_')}-*.whl"))
    if result.returncode or len(wheels) != 1:
        words = result.stderr.strip().splitlines()[-3:]
        raise ToolError(
            f"the wheel of {distribution} could not be built: {' / '.join(words)}",
            where=str(checkout),
            fix="check that the network reaches the Python package index, or name wheels: --from DIR",
        )
    return wheels[0]
