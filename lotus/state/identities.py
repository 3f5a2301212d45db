"""Who reaches the state's bucket, and with which rights: readers, the operator, and who breaks the glass.

The policies are files in `policies/`, in the grammar that AWS, MinIO and versitygw share; `BUCKET` in them is the
bucket's name. Nobody of the three may delete a version or change the bucket, so what was written can be restored.
How users come to be is each S3's own way: `lotus.state.users` finds it.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from lotus.errors import ConfigError, RemoteError, UnavailableError
from lotus.private_folder import make_folder
from lotus.state.bucket import Bucket
from lotus.untyped import as_mapping


class Identity(StrEnum):
    """Whose keys they are."""

    READER = "reader"
    """People, CI, the drift job: they preview, and write nothing."""
    OPERATOR = "operator"
    """The one writer."""
    BREAK_GLASS = "break-glass"
    """A person in an emergency: the writer's rights under a name of its own, for the bucket's log."""


POLICY: Mapping[Identity, str] = {
    Identity.READER: "reader",
    Identity.OPERATOR: "writer",
    Identity.BREAK_GLASS: "writer",
}
"""The policy file of each."""


def policy(identity: Identity, bucket: str) -> dict[str, Any]:
    """The policy of an identity for this bucket, as AWS and MinIO take it for a user."""
    text = files("lotus.state").joinpath("policies", f"{POLICY[identity]}.json").read_text()
    return as_mapping(json.loads(text.replace("BUCKET", bucket)))


@dataclass(frozen=True)
class User:
    """A user that was made; its keys are in `file`, and nowhere else."""

    name: str
    identity: Identity
    file: Path


@dataclass(frozen=True)
class AccessKey:
    """What a user signs with."""

    identifier: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, name: str) -> AccessKey:
        """A key whose identifier is the user's name, where the S3 lets us choose."""
        return cls(name, secrets.token_hex(20))


class Users(ABC):
    """The users of one bucket in the S3's own way; the environment's keys must be those of its administrator.

    Each user is `<bucket>-<identity>-<6 hex digits>`: a second one can be there beside the first while keys rotate.
    Every call raises RemoteError when the keys may not do it, UnavailableError when nobody answers.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @abstractmethod
    def available(self) -> bool:
        """Whether this S3 has this way at all; wrong keys or silence are for the first call to name."""

    @abstractmethod
    def all_names(self) -> list[str]:
        """Every user that the S3 knows, also those of other buckets."""

    @abstractmethod
    def create(self, name: str, identity: Identity) -> AccessKey:
        """A new user with the rights of an identity, and its key."""

    @abstractmethod
    def renew_rights(self) -> None:
        """Writes the policies of the bucket's users as this lotus has them; an older one may have given more."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Ends a user of this bucket, its key and its rights."""

    def names(self, identity: Identity) -> list[str]:
        """The users of this identity."""
        return self.by_identity()[identity]

    def by_identity(self) -> dict[Identity, list[str]]:
        """The users of this bucket, in one look at all there are."""
        names = sorted(self.all_names())
        return {each: [n for n in names if n.rsplit("-", 1)[0] == f"{self.bucket.name}-{each}"] for each in Identity}

    def make(self, identity: Identity, folder: Path) -> User:
        """A new user with its rights, and its keys in `<folder>/<identity>.ini`, which only its owner can read."""
        name = f"{self.bucket.name}-{identity}-{secrets.token_hex(3)}"
        file = folder / f"{identity}.ini"
        make_folder(folder)
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)  # before the user is made: a folder that cannot be written leaves none behind
        key = self.create(name, identity)
        fresh.write_text(f"[default]\naws_access_key_id = {key.identifier}\naws_secret_access_key = {key.secret}\n")
        fresh.replace(file)
        return User(name, identity, file)

    def remove(self, name: str) -> None:
        """Ends a user; its keys are refused from now on.

        Raises:
            ConfigError: it is not a user of this bucket.
        """
        users = [user for names in self.by_identity().values() for user in names]
        if name not in users:
            listed = ", ".join(users) or "none"
            raise ConfigError(
                f'"{name}" is not a user of this bucket', where=self.bucket.url, fix=f"its users: {listed}"
            )
        self.delete(name)

    def _refused(self, answer: str, fix: str) -> RemoteError:
        """The server's admin API answered, and made nothing."""
        message = f"users cannot be created here: the server's admin API answers {answer}"
        return RemoteError(message, where=self.bucket.endpoint or "", fix=fix)

    def _unreachable(self, error: Exception) -> UnavailableError:
        """The server's admin API did not answer."""
        return UnavailableError(
            f"the server's admin API cannot be reached: {error.__class__.__name__}",
            where=self.bucket.endpoint or "",
            fix="check the backend's endpoint, and that it runs",
        )
