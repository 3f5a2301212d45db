"""Writing the user's files: one form of JSON, whole or not at all, and never outside the project."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lotus.errors import ConfigError

_MAX_STEM = 200  # bytes; file systems take 255, and a suffix comes behind


def json_text(value: Any) -> str:
    """The one form that lotus writes JSON in: two spaces, keys in their order, a line end at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def inside(root: Path, path: Path) -> Path:
    """`path`, once it is certain that writing it stays below `root`.

    Raises:
        ConfigError: a link or a `..` leads out of the project.
    """
    home = root.resolve()
    resolved = path.resolve()
    if not resolved.is_relative_to(home) or resolved == home:
        raise ConfigError(
            "this file would be written outside the project",
            where=str(path),
            fix="remove the link, or name a file inside the project",
        )
    return path


def write(root: Path, path: Path, text: str) -> bool:
    """Writes a file below `root`, whole or not at all; False when it holds that text already.

    Raises:
        ConfigError: it would lie outside of the project, or cannot be written.
    """
    inside(root, path)
    content = text.encode()
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(
            f"the file cannot be written: {error.strerror}", where=str(path), fix="check its permissions and the disk"
        ) from None
    return True


def _umask() -> int:
    # There is no way to read it but to set it; no other thread writes files meanwhile.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def stems(names: Iterable[tuple[str | None, str]]) -> dict[tuple[str | None, str], str]:
    """A file stem for each (namespace, stream) of a source: the stream's name wherever that is possible.

    Two namespaces with one name in both get `<namespace>.<name>`; names that differ only in case get a mark, since
    they are one file on macOS and Windows; what no file may be called is percent-encoded.
    """
    ordered = sorted(names, key=lambda n: (n[1], n[0] or ""))
    count: dict[str, int] = {}
    for _, name in ordered:
        count[name] = count.get(name, 0) + 1
    stems: dict[tuple[str | None, str], str] = {}
    taken: set[str] = set()
    for namespace, name in ordered:
        full = f"{namespace}.{name}" if namespace and count[name] > 1 else name
        stem = stem_of(full)
        if stem.casefold() in taken:
            stem = f"{stem}~{sha256(full.encode()).hexdigest()[:6]}"
        taken.add(stem.casefold())
        stems[(namespace, name)] = stem
    return stems


def stem_of(name: str) -> str:
    """A name as a file's stem: percent-encoded where a file could not be called so, or would not be a stream's."""
    stem = quote(name, safe=" !#$&'()+,-.;=@[]^_`{}~")
    # Names that start with _ or . are not streams, and a dot or space at the end is lost on Windows.
    stem = re.sub(r"^[_.~ ]|[. ]$", lambda m: f"%{ord(m.group()):02X}", stem)
    if len(stem) > _MAX_STEM:
        stem = f"{stem[: _MAX_STEM - 7]}~{sha256(name.encode()).hexdigest()[:6]}"
    return stem or "%"
