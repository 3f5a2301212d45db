"""Places that hold files: a bucket, or a folder of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from lotus.errors import UnavailableError
from lotus.s3 import LandingBucket

OWN_FOLDER = ".lotus"
"""Where destination-local keeps what is staged."""


@dataclass(frozen=True)
class StoredFile:
    """A file: `written` in seconds since the epoch."""

    key: str
    bytes: int
    written: float

    @property
    def day(self) -> str:
        """The day that it was written, UTC."""
        return datetime.fromtimestamp(self.written, UTC).date().isoformat()


class FileStore(Protocol):
    """Files by key."""

    @property
    def filesystem(self) -> Any:
        """The store for Arrow's readers."""
        ...

    def files(self, prefix: str = "") -> Iterator[StoredFile]:
        """The files whose keys begin with a prefix, in the order of their keys."""
        ...

    def path(self, key: str) -> str:
        """A key as Arrow's readers name it."""
        ...

    def url(self, key: str) -> str:
        """A key as people write it."""
        ...


@dataclass(frozen=True)
class BucketStore:
    """A bucket."""

    bucket: LandingBucket

    @property
    def filesystem(self) -> Any:
        """The bucket for Arrow's readers."""
        return self.bucket.filesystem

    def files(self, prefix: str = "") -> Iterator[StoredFile]:
        """The bucket's objects.

        Raises:
            UnavailableError: it cannot be listed.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self.bucket.client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.bucket.name, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield StoredFile(item["Key"], item["Size"], item["LastModified"].timestamp())
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(
                f"the bucket cannot be listed: {error}",
                where=self.url(prefix[: prefix.rfind("/") + 1]),
                fix="check the destination's endpoint, bucket and keys; "
                "lotus dev status shows whether the dev S3 is up",
            ) from None

    def path(self, key: str) -> str:
        """The bucket's name comes first."""
        return f"{self.bucket.name}/{key}"

    def url(self, key: str) -> str:
        """`s3://landing/raw/shop/orders/`."""
        return f"s3://{self.bucket.name}/{key}"


@dataclass(frozen=True)
class FolderStore:
    """A folder that destination-local writes to."""

    folder: Path

    @cached_property
    def filesystem(self) -> Any:
        """This machine's files for Arrow's readers."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def files(self, prefix: str = "") -> Iterator[StoredFile]:
        """The folder's files, without what is staged."""
        for path in sorted(self.folder.rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix) and not key.startswith(f"{OWN_FOLDER}/"):
                stat = path.stat()
                yield StoredFile(key, stat.st_size, stat.st_mtime)

    def path(self, key: str) -> str:
        """The file's path."""
        return str(self.folder / key)

    def url(self, key: str) -> str:
        """The file's path."""
        return str(self.folder / key)
