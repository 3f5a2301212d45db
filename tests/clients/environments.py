"""The clients, and environments for them that are made once for a version and kept in the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lotus_server.connectors.environments import default_cache
from lotus_server.connectors.pythons import Pythons
from uv import find_uv_bin


@dataclass(frozen=True)
class Client:
    """A client as users install it; its program lies in `programs/`."""

    title: str
    program: str
    requirements: tuple[str, ...]
    pythons: tuple[tuple[int, int], ...]

    @property
    def folder(self) -> Path:
        """Where its environment is: another version is another folder."""
        name = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(self.requirements))
        return default_cache().parent / "clients" / name


OLDER = ((3, 11), (3, 12), (3, 10))
CLIENTS = (
    Client("airbyte-api 1.0.1", "airbyte_api_client", ("airbyte-api==1.0.1",), OLDER),
    Client("airbyte-api 0.52.2", "airbyte_api_client", ("airbyte-api==0.52.2",), OLDER),
    Client("PyAirbyte 0.71.3", "pyairbyte", ("airbyte==0.71.3",), OLDER),
    Client("dagster-airbyte 0.29.27", "dagster_client", ("dagster-airbyte==0.29.27",), OLDER),
    Client("apache-airflow-providers-airbyte 6.2.0", "airflow_client", ("apache-airflow-providers-airbyte==6.2.0",),
           ((3, 12), (3, 11), (3, 10))),
    Client("prefect-airbyte 0.3.2", "prefect_client", ("prefect-airbyte==0.3.2", "prefect<3", "setuptools<81"),
           ((3, 10), (3, 11))),
    Client("airbyte-prefect 1.2.0", "prefect_client", ("airbyte-prefect==1.2.0",), OLDER),
)  # fmt: skip


def python_of(client: Client) -> Path:
    """The Python of the client's environment, which is made first if need be."""
    marker = client.folder / "complete"
    python = client.folder / "bin" / "python"
    if marker.exists() and python.exists():
        return python
    shutil.rmtree(client.folder, ignore_errors=True)
    base = _base_python(client)
    uv, environment = find_uv_bin(), {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run(
        [uv, "venv", "--quiet", "--no-project", "--python", base, str(client.folder)], check=True, env=environment
    )
    install = [uv, "pip", "install", "--quiet", "--python", str(python), *client.requirements]
    subprocess.run(install, check=True, env=environment)
    marker.touch()
    return python


def _base_python(client: Client) -> str:
    available = {python.version: python.path for python in Pythons().installed()}
    for version in client.pythons:
        if version in available:
            return available[version]
    raise SystemExit(f"{client.title} needs one of Python {client.pythons}, and this machine has {sorted(available)}")
