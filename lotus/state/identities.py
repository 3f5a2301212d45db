"""Who reaches the state's bucket, and with which rights: readers, the operator, and who breaks the glass.

The policies are files in `policies/`, in the grammar that AWS and MinIO share; `BUCKET` in them is the bucket's name.
Nobody of the three may delete a version or change the bucket, so what was written can always be had back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from lotus.errors import ConfigError, RemoteError, UnavailableError
from lotus.state.bucket import Bucket


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
    """The policy of an identity for this bucket, as AWS and MinIO take it."""
    text = files("lotus.state").joinpath("policies", f"{POLICY[identity]}.json").read_text()
    return cast("dict[str, Any]", json.loads(text.replace("BUCKET", bucket)))


@dataclass(frozen=True)
class User:
    """A user that was made; its keys are in `file`, and nowhere else."""

    name: str
    identity: Identity
    file: Path


class MinioUsers:
    """Users and policies of a MinIO, by its admin API; the environment's keys must be its root's.

    Each user is `<bucket>-<identity>-<6 hex digits>`: a second one can be there beside the first while keys rotate.
    """

    def __init__(self, bucket: Bucket, environment: Mapping[str, str]) -> None:
        from minio import MinioAdmin
        from minio.credentials.providers import StaticProvider
        from urllib3 import PoolManager, Retry, Timeout

        parts = urlsplit(bucket.endpoint or "")
        self._bucket = bucket
        self._admin = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(
                environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
            ),
            region=bucket.region or "us-east-1",
            secure=parts.scheme == "https",
            http_client=PoolManager(timeout=Timeout(connect=10, read=20), retries=Retry(2)),
        )

    def offered(self) -> bool:
        """Whether this S3 has MinIO's admin API at all; wrong keys or silence are for the first call to name."""
        from minio.error import MinioAdminException
        from urllib3.exceptions import HTTPError

        try:
            self._admin.user_list()
        except MinioAdminException as error:
            return _status(error).split()[0] not in ("400", "404", "405", "501")
        except ValueError:
            return False  # an answer, but none of MinIO's, which are encrypted with the caller's key
        except (HTTPError, OSError):
            return True
        return True

    def names(self, identity: Identity) -> list[str]:
        """The users of this identity.

        Raises:
            RemoteError: the keys are not the root's.
            UnavailableError: it does not answer.
        """
        known: dict[str, Any] = json.loads(self._call(self._admin.user_list) or "{}")
        return sorted(name for name in known if name.rsplit("-", 1)[0] == f"{self._bucket.name}-{identity}")

    def make(self, identity: Identity, folder: Path) -> User:
        """A new user with its policy, and its keys in `<folder>/<identity>.ini`, which only its owner can read."""
        name = f"{self._bucket.name}-{identity}-{secrets.token_hex(3)}"
        secret = secrets.token_hex(20)
        rights = f"{self._bucket.name}-{POLICY[identity]}"
        file = folder / f"{identity}.ini"
        folder.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(f"[default]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n")
        self._call(self._admin.policy_add, rights, policy=policy(identity, self._bucket.name))
        self._call(self._admin.user_add, name, secret)
        self._call(self._admin.attach_policy, [rights], user=name)
        fresh.replace(file)
        return User(name, identity, file)

    def remove(self, name: str) -> None:
        """Ends a user; its keys are refused from now on.

        Raises:
            ConfigError: it is none of this bucket's.
        """
        known = [one for identity in Identity for one in self.names(identity)]
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ConfigError(
                f'"{name}" is no user of this bucket', where=self._bucket.where, fix=f"there are: {listed}"
            )
        self._call(self._admin.user_remove, name)

    def _call(self, method: Any, *arguments: Any, **more: Any) -> str:
        from minio.error import MinioAdminException
        from urllib3.exceptions import HTTPError

        try:
            return str(method(*arguments, **more) or "")
        except MinioAdminException as error:
            raise RemoteError(
                f"users cannot be made here: the server's admin API answers {_status(error)}",
                where=self._bucket.endpoint or "",
                fix="use the root keys of the MinIO",
            ) from None
        except (HTTPError, OSError) as error:
            raise UnavailableError(
                f"the server's admin API cannot be reached: {error.__class__.__name__}",
                where=self._bucket.endpoint or "",
                fix="is the backend's endpoint right, and is it up?",
            ) from None


def _status(error: Any) -> str:
    """The HTTP status and MinIO's own word; never the whole body."""
    # minio-py keeps them under names of its own; str(error) holds a body that may be anybody's page.
    code = str(getattr(error, "_code", ""))
    try:
        return f"{code} {json.loads(getattr(error, '_body', '') or '{}').get('Code', '')}".strip()
    except (ValueError, AttributeError):
        return code
