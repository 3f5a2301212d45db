"""Users and policies of a MinIO, by its admin API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lotus.state.bucket import Bucket
from lotus.state.identities import POLICY, AccessKey, Identity, Users, policy


class MinioUsers(Users):
    """A policy for each kind of rights, attached to each user."""

    def __init__(self, bucket: Bucket, environment: Mapping[str, str]) -> None:
        from minio import MinioAdmin
        from minio.credentials.providers import StaticProvider
        from urllib3 import PoolManager, Retry, Timeout

        super().__init__(bucket)
        parts = urlsplit(bucket.endpoint or "")
        self._admin = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(
                environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
            ),
            region=bucket.region or "us-east-1",
            secure=parts.scheme == "https",
            http_client=PoolManager(timeout=Timeout(connect=10, read=20), retries=Retry(2)),
        )

    def available(self) -> bool:
        """Whether it has MinIO's admin API."""
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

    def all_names(self) -> list[str]:
        """Every user of the MinIO but its root."""
        users: dict[str, Any] = json.loads(self._call(self._admin.user_list) or "{}")
        return list(users)

    def create(self, name: str, identity: Identity) -> AccessKey:
        """A user whose key is its name, with the policy attached."""
        key = AccessKey.new(name)
        self.renew_rights()
        self._call(self._admin.user_add, name, key.secret)
        self._call(self._admin.attach_policy, [self._rights(identity)], user=name)
        return key

    def renew_rights(self) -> None:
        """A policy by name, which users of its kind share."""
        for identity in Identity:
            self._call(self._admin.policy_add, self._rights(identity), policy=policy(identity, self.bucket.name))

    def _rights(self, identity: Identity) -> str:
        return f"{self.bucket.name}-{POLICY[identity]}"

    def delete(self, name: str) -> None:
        """Its key ends at once."""
        self._call(self._admin.user_remove, name)

    def _call(self, method: Any, *arguments: Any, **more: Any) -> str:
        from minio.error import MinioAdminException
        from urllib3.exceptions import HTTPError

        try:
            return str(method(*arguments, **more) or "")
        except MinioAdminException as error:
            raise self._refused(_status(error), "use the root keys of the MinIO") from None
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from None


def _status(error: Any) -> str:
    """The HTTP status and MinIO's own word; never the whole body."""
    # minio-py keeps them under names of its own; str(error) holds a body that may be anybody's page.
    code = str(getattr(error, "_code", ""))
    try:
        return f"{code} {json.loads(getattr(error, '_body', '') or '{}').get('Code', '')}".strip()
    except (ValueError, AttributeError):
        return code
