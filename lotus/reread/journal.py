"""What was asked of Airbyte for which stream, written beside Pulumi's state before and after each request.

Airbyte's API takes no request id, and a killed Pulumi forgets what it was doing. So each connection has one small JSON
document next to the state (the same bucket, or a file): an intent before the call, the job's id after it. Pulumi's own
lock makes sure that one run at a time writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from lotus.errors import ConfigError, UnavailableError
from lotus.reread.wanted import key

FOLDER = ".lotus/backfills"
VERSION = 1
PLACE = "LOTUS_JOURNAL"
"""Where the journal is, for state backends that are neither s3:// nor file:// (Pulumi Cloud, …)."""

Stage = Literal["asking", "rewound", "accepted", "nothing"]
"""asking: an intent; rewound: the state is set back, its sync not started; nothing: there was nothing to read again."""


@dataclass(frozen=True)
class Entry:
    """One stream's newest request. Times are seconds since the epoch, by this machine's clock."""

    request: str
    mode: str
    start: str | None
    sync: bool
    stage: Stage
    asked_at: float
    after_job: int
    """The connection's newest job before the request: what the request makes has a higher id."""
    jobs: tuple[int, ...] = ()
    """Its job, and after failed ones their successors."""
    sync_job: int | None = None
    rows_before: int = 0
    note: str = ""

    @property
    def identity(self) -> tuple[str, str, str | None, bool]:
        """What makes it this request and no other."""
        return self.request, self.mode, self.start, self.sync

    @property
    def job(self) -> int | None:
        """The job that counts."""
        return self.jobs[-1] if self.jobs else None


@dataclass(frozen=True)
class Page:
    """The requests of one connection, by stream."""

    connection_id: str
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    def entry(self, stream: str, namespace: str | None) -> Entry | None:
        """The stream's newest request."""
        return self.entries.get(key(stream, namespace))

    def having(self, entries: Mapping[str, Entry]) -> Page:
        """The page with these entries in place of older ones."""
        return replace(self, entries={**self.entries, **entries})

    def without(self, stream: str, namespace: str | None) -> Page:
        """The page without a stream."""
        gone = key(stream, namespace)
        return replace(self, entries={name: entry for name, entry in self.entries.items() if name != gone})


class Journal(Protocol):
    """Where pages are kept."""

    @property
    def where(self) -> str:
        """Its place, for messages."""
        ...

    def page(self, connection_id: str) -> Page:
        """A connection's page, an empty one if there is none."""
        ...

    def write(self, page: Page) -> None:
        """Makes a page durable; an empty one goes."""
        ...


def journal(environment: Mapping[str, str] | None = None, *, root: Path | None = None) -> Journal:
    """The journal beside the state that Pulumi uses here.

    Raises:
        ConfigError: the state is where lotus cannot write a file beside it.
    """
    environment = os.environ if environment is None else environment
    place = environment.get(PLACE) or _backend(environment, root)
    parts = urlsplit(place)
    if parts.scheme == "s3":
        return BucketJournal(place, environment)
    if parts.scheme == "file":
        return FolderJournal(_folder(place))
    raise ConfigError(
        f"backfills need a journal beside the state, and a file cannot be put beside {parts.scheme or 'no'} state",
        where=f"state backend {parts.scheme}://{parts.hostname or ''}",
        fix=f"set {PLACE}=s3://bucket/prefix, the same for everything that runs pulumi up on this stack",
    )


def _backend(environment: Mapping[str, str], root: Path | None) -> str:
    """Pulumi's own order: the variable, the project's file, the last login."""
    if environment.get("PULUMI_BACKEND_URL"):
        return environment["PULUMI_BACKEND_URL"]
    folder = root or Path(environment.get("PULUMI_ROOT_DIRECTORY") or Path.cwd())
    file = folder / "Pulumi.yaml"
    written: Any = yaml.safe_load(file.read_text()) if file.is_file() else None
    url = ((written or {}).get("backend") or {}).get("url")
    if url:
        return str(url)
    home = environment.get("PULUMI_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".pulumi")
    login = Path(home) / "credentials.json"
    if login.is_file():
        current = cast("dict[str, Any]", json.loads(login.read_text())).get("current")
        if current:
            return str(current)
    return ""


def _folder(url: str) -> Path:
    """The folder of a file:// backend; `file://~` is Pulumi's word for the home folder."""
    text = unquote(url.removeprefix("file://"))
    return Path(text).expanduser()


class FolderJournal:
    """Pages as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self.where = str(self._folder)

    def page(self, connection_id: str) -> Page:
        """A connection's page."""
        try:
            return _read(connection_id, self._file(connection_id).read_bytes(), self.where)
        except FileNotFoundError:
            return Page(connection_id)
        except OSError as error:
            raise self._unavailable(error) from None

    def write(self, page: Page) -> None:
        """Replaces the file in one step, on disk when this returns."""
        file = self._file(page.connection_id)
        try:
            if not page.entries:
                file.unlink(missing_ok=True)
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(f".{os.getpid()}")
            with beside.open("wb") as stream:
                stream.write(_written(page))
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        except OSError as error:
            raise self._unavailable(error) from None

    def _file(self, connection_id: str) -> Path:
        return self._folder / f"{connection_id}.json"

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"the journal of backfills cannot be used: {error.strerror}", where=self.where)


class BucketJournal:
    """Pages as objects in the state's bucket; credentials come from the environment, as for Pulumi."""

    def __init__(self, backend: str, environment: Mapping[str, str]) -> None:
        import boto3
        from botocore.config import Config

        parts = urlsplit(backend)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        endpoint = query.get("endpoint")
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if query.get('disableSSL') == 'true' else 'https'}://{endpoint}"
        style = "path" if (query.get("s3ForcePathStyle") or query.get("use_path_style")) == "true" else "auto"
        config = Config(
            connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 4}, s3={"addressing_style": style}
        )
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=query.get("region"),
            aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            config=config,
        )
        self._name = parts.netloc
        self._prefix = "/".join(part for part in (parts.path.strip("/"), FOLDER) if part)
        self.where = f"s3://{self._name}/{self._prefix}"

    def page(self, connection_id: str) -> Page:
        """A connection's page."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_object(Bucket=self._name, Key=self._key(connection_id))
            return _read(connection_id, answer["Body"].read(), self.where)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return Page(connection_id)
            raise self._unavailable(error) from None
        except BotoCoreError as error:
            raise self._unavailable(error) from None

    def write(self, page: Page) -> None:
        """Replaces the object."""
        from botocore.exceptions import BotoCoreError, ClientError

        place = {"Bucket": self._name, "Key": self._key(page.connection_id)}
        try:
            if page.entries:
                self._client.put_object(**place, Body=_written(page), ContentType="application/json")
            else:
                self._client.delete_object(**place)
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from None

    def _key(self, connection_id: str) -> str:
        return f"{self._prefix}/{connection_id}.json"

    def _unavailable(self, error: Exception) -> UnavailableError:
        fix = "the keys that write the state have to write here too"
        return UnavailableError(f"the journal of backfills cannot be used: {error}", where=self.where, fix=fix)


def _written(page: Page) -> bytes:
    entries = {name: asdict(entry) for name, entry in sorted(page.entries.items())}
    return json.dumps({"version": VERSION, "connection": page.connection_id, "streams": entries}, indent=1).encode()


def _read(connection_id: str, raw: bytes, where: str) -> Page:
    try:
        document: dict[str, Any] = json.loads(raw)
        if document["version"] != VERSION:
            raise ConfigError(
                f"the journal of backfills has version {document['version']}; this lotus knows {VERSION}",
                where=f"{where}/{connection_id}.json",
                fix="use the newer lotus that wrote it",
            )
        held: dict[str, Any] = document["streams"]
        entries = {name: replace(Entry(**entry), jobs=tuple(entry["jobs"])) for name, entry in held.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the journal of backfills cannot be read: {error}",
            where=f"{where}/{connection_id}.json",
            fix="look at it; without it lotus cannot tell what was asked already",
        ) from None
    return Page(connection_id, entries)
