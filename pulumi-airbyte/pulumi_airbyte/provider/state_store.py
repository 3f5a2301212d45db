"""Where a stack's state is, and small files beside it: a folder, or an S3 bucket."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from .faults import ProviderError

PLACE = "PULUMI_AIRBYTE_JOURNAL"
"""Environment: another place than beside the state, a folder or an S3 URL."""


class StateStore(Protocol):
    """Files by key, such as `.pulumi/stacks/project/stack.json`."""

    where: str

    def read(self, key: str) -> bytes | None:
        """A file's content; None if there is none."""
        ...

    def write(self, key: str, content: bytes) -> None:
        """Write a file whole or not at all; it is durable when this returns."""
        ...

    def remove(self, key: str) -> None:
        """Remove a file, if there is one."""
        ...


class Folder:
    """Files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = str(folder)

    def read(self, key: str) -> bytes | None:
        """A file's content; None if there is none."""
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, content: bytes) -> None:
        """Beside the file, then in its place."""
        file = self._folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(file)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def remove(self, key: str) -> None:
        """Remove a file, if there is one."""
        (self._folder / key).unlink(missing_ok=True)


class Bucket:
    """Objects of an S3 bucket, reached as the engine's own URL says."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self.where = f"s3://{parts.netloc}{parts.path}"
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self._s3 = _s3_client(query, environment)

    def read(self, key: str) -> bytes | None:
        """An object's content; None if there is none."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None

    def write(self, key: str, content: bytes) -> None:
        """S3 writes whole objects."""
        self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=content)

    def remove(self, key: str) -> None:
        """S3 does not mind a missing one."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._key(key))

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key


def _s3_client(query: Mapping[str, str], environment: Mapping[str, str]) -> Any:
    """A client with the options of the state's URL (docs/pulumi-behaviour.md#state-in-a-bucket).

    Without keys boto3 looks by itself.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ProviderError(
            "the state is in S3, and the journal of creates belongs beside it, for which boto3 is needed: "
            "pip install boto3, or name a folder in PULUMI_AIRBYTE_JOURNAL"
        ) from error
    endpoint = query.get("endpoint")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if query.get('disableSSL') == 'true' else 'https'}://{endpoint}"
    path_style = "true" in (query.get("s3ForcePathStyle"), query.get("use_path_style"))
    session = boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        profile_name=query.get("profile"),
        region_name=query.get("region"),
    )
    return session.client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            s3={"addressing_style": "path"} if path_style else None,
            connect_timeout=5,
            retries={"max_attempts": 5, "mode": "standard"},
        ),
    )


def state_store(environment: Mapping[str, str]) -> tuple[StateStore, bool]:
    """The store of the state in use, and whether the state itself can be read there.

    `PULUMI_AIRBYTE_JOURNAL` comes first, then the backend. A backend that is neither a folder nor S3 (Pulumi Cloud,
    other clouds) leaves the user's own folder.
    """
    backend = backend_url(environment)
    named = environment.get(PLACE)
    if named and named != backend:
        return (Bucket(named, environment) if named.startswith("s3://") else Folder(_folder(named))), False
    if backend.startswith("s3://"):
        return Bucket(backend, environment), True
    if backend.startswith("file://"):
        return Folder(_folder(backend)), True
    return Folder(home(environment) / "airbyte-journal"), False


def backend_url(environment: Mapping[str, str]) -> str:
    """The URL of environment, project file or login; else empty (docs/pulumi-behaviour.md#where-the-state-is)."""
    return (
        environment.get("PULUMI_BACKEND_URL")
        or _project_backend(Path(environment.get("PULUMI_ROOT_DIRECTORY") or Path.cwd()))
        or _logged_in_to(home(environment))
    )


def home(environment: Mapping[str, str]) -> Path:
    """Pulumi's own folder."""
    return Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")


def _project_backend(folder: Path) -> str:
    import yaml

    file = folder / "Pulumi.yaml"
    try:
        project: Any = yaml.safe_load(file.read_text())
        return str(project["backend"]["url"] or "")
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return ""  # the engine has read the same file before, and says what is wrong with it


def _folder(url: str) -> Path:
    text = url.removeprefix("file://").split("?", 1)[0]
    # The engine reads file:///C:/… too, but runs elsewhere here; ~ stands for the home folder.
    return Path(text or ".").expanduser()


def _logged_in_to(home: Path) -> str:
    try:
        held: Any = json.loads((home / "credentials.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(cast("dict[str, Any]", held).get("current") or "") if isinstance(held, dict) else ""


@dataclass(frozen=True)
class Stored:
    """A resource in a state, by what is never encrypted."""

    urn: str
    id: str
    name: str
    """What Airbyte calls it."""
    going: bool
    """Whether the next run deletes it whatever the program says: its replacement is there."""
    kept: bool
    """Whether a deletion leaves Airbyte's object alone."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those of a component, which a program registered; a resource's own stay where they are."""


def resources_in_state(store: StateStore, project: str, stack: str) -> list[Stored]:
    """Everything that the stack's state knows, components without an id."""
    for key in (f".pulumi/stacks/{project}/{stack}.json", f".pulumi/stacks/{stack}.json"):
        for suffix in ("", ".gz"):
            content = store.read(key + suffix)
            if content is not None:
                return _stored(json.loads(gzip.decompress(content) if suffix else content))
    return []


def _stored(state: Any) -> list[Stored]:
    checkpoint = cast("dict[str, Any]", state).get("checkpoint") or {}
    latest = cast("dict[str, Any]", checkpoint).get("latest") or {}
    resources = cast("list[dict[str, Any]]", cast("dict[str, Any]", latest).get("resources") or [])
    return [_resource(resource) for resource in resources if resource.get("id") or not resource.get("custom")]


def _resource(resource: Mapping[str, Any]) -> Stored:
    outputs: Mapping[str, Any] = resource.get("outputs") or {}
    return Stored(
        urn=str(resource["urn"]),
        id=str(resource.get("id") or ""),
        name=str(outputs.get("name") or ""),
        going=bool(resource.get("delete")),
        kept=bool(resource.get("external") or resource.get("retainOnDelete")),
        outputs={} if resource.get("custom") else outputs,
    )
