"""A package index on loopback: real wheels, real answers of the simple API, with the upload times that a test wants."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOURCE = """
import json, sys

def run():
    spec = {{"connectionSpecification": {{"type": "object", "properties": {{"made": {{"const": "{made}"}}}}}}}}
    print(json.dumps({{"type": "SPEC", "spec": spec}}))
"""
"""A connector that answers its spec, with a word that says which version it is."""


class PackageIndex:
    """Packages by name; `url` is what `UV_DEFAULT_INDEX` takes."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/simple"
        self.files: dict[str, bytes] = {}
        self.packages: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.asked: list[str] = []

    def add(
        self,
        name: str,
        version: str,
        uploaded: str = "2025-01-01T12:00:00Z",
        *,
        requires: Sequence[str] = (),
        python: str = "",
    ) -> None:
        """One version; a package named `airbyte-source-…` gets a program that answers its spec."""
        module = name.replace("-", "_")
        metadata = [f"Name: {name}", f"Version: {version}", "License: MIT", *(f"Requires-Dist: {r}" for r in requires)]
        if python:
            metadata.append(f"Requires-Python: {python}")
        info = f"{module}-{version}.dist-info"
        contents = {
            f"{module}.py": SOURCE.format(made=version),
            f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata, ""]),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        if name.startswith("airbyte-source-"):
            program = name.removeprefix("airbyte-")
            contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{program} = {module}:run\n"
        file = f"{module}-{version}-py3-none-any.whl"
        self.files[file] = _wheel(contents, info)
        self.files[f"{file}.metadata"] = contents[f"{info}/METADATA"].encode()
        entry: dict[str, Any] = {
            "filename": file,
            "url": f"../../files/{file}",
            "hashes": {"sha256": hashlib.sha256(self.files[file]).hexdigest()},
            "core-metadata": {"sha256": hashlib.sha256(self.files[f"{file}.metadata"]).hexdigest()},
            "upload-time": uploaded,
        }
        if python:
            entry["requires-python"] = python
        self.packages[name].append(entry)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        self.asked.append(path)
        name = path.strip("/").rsplit("/", 1)[-1]
        if path.startswith("/files/"):
            return 200, "application/octet-stream", self.files[name]
        if name not in self.packages:
            return 404, "text/plain", b"not found"
        body = {"meta": {"api-version": "1.1"}, "name": name, "files": self.packages[name], "versions": []}
        return 200, "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()


def _wheel(contents: dict[str, str], info: str) -> bytes:
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        for path, text in contents.items()
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return buffer.getvalue()


@contextmanager
def package_index() -> Generator[PackageIndex]:
    """An index that serves until the block ends."""
    index: PackageIndex

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = index.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index = PackageIndex(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield index
        server.shutdown()
