"""The bucket that holds the state: its address as Pulumi writes it, a client for it, and its errors as lotus's own."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lotus.errors import ConfigError, RemoteError, UnavailableError
from lotus.example_values import refuse_example
from lotus.s3 import s3_client


@dataclass(frozen=True)
class Bucket:
    """What `s3://bucket/prefix?endpoint=…` says, in boto3's words."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None
    path_style: bool

    @classmethod
    def of(cls, backend: str) -> Bucket:
        """Reads Pulumi's backend address: the old names of its parameters (disableSSL) as well as the new.

        Raises:
            ConfigError: it is not an s3:// address, or an example's.
        """
        refuse_example(backend, "the state's address", where="PULUMI_BACKEND_URL, or lotus:gitops.state")
        parts = urlsplit(backend)
        if parts.scheme != "s3" or not parts.netloc:
            raise ConfigError(
                "the state is not in an S3 bucket",
                where=f"backend {backend or '(none named)'}",
                fix="set PULUMI_BACKEND_URL=s3://BUCKET?region=… (lotus env prints the stack's)",
            )
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        endpoint = query.get("endpoint")
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if query.get('disableSSL') == 'true' else 'https'}://{endpoint}"
        style = query.get("s3ForcePathStyle") or query.get("use_path_style") or "false"
        return cls(parts.netloc, parts.path.strip("/"), endpoint, query.get("region"), style == "true")

    @property
    def url(self) -> str:
        """As people write it: `s3://lotus-state/prefix`."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def key(self, path: str) -> str:
        """The object's key of a path below the backend's root, such as `.pulumi/locks/…`."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def client(self, environment: Mapping[str, str] | None = None) -> Any:
        """A boto3 client for it, with the environment's keys; without them boto3 looks by itself, as Pulumi does."""
        environment = os.environ if environment is None else environment
        return s3_client(
            endpoint=self.endpoint,
            region=self.region,
            path_style=self.path_style,
            access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
            secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            session_token=environment.get("AWS_SESSION_TOKEN"),
            profile=environment.get("AWS_PROFILE"),
        )


def is_denied(error: Any) -> bool:
    """Whether these keys may not do what was asked."""
    return code(error) in ("AccessDenied", "403")


def is_missing(error: Any) -> bool:
    """Whether there is no such object (a HEAD has no body, so only the status says it)."""
    return code(error) in ("NoSuchKey", "404")


def code(error: Any) -> str:
    """S3's own word in a botocore ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def bucket_errors(bucket: Bucket) -> Generator[None]:
    """Translates S3's errors where they enter.

    Raises:
        ConfigError: no keys, unknown keys, no such bucket.
        RemoteError: the keys may not do that.
        UnavailableError: it does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise ConfigError(
            "there are no keys for the state's bucket",
            where=bucket.url,
            fix="set AWS_SHARED_CREDENTIALS_FILE (or AWS_PROFILE) to the reader's keys",
        ) from None
    except ClientError as error:
        raise _translated(bucket, error) from None
    except (BotoCoreError, OSError) as error:
        raise UnavailableError(
            f"the state's bucket cannot be reached: {error}",
            where=bucket.url,
            fix="check its endpoint, and that it runs",
        ) from None


def _translated(bucket: Bucket, error: Any) -> Exception:
    error_code = code(error)
    operation = str(error.operation_name)
    if error_code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken"):
        return ConfigError(
            f"the bucket does not know these keys ({error_code})",
            where=bucket.url,
            fix="if they were rotated, get the current ones (docs/rotate-a-secret.md)",
        )
    if error_code == "NoSuchBucket":
        return ConfigError("there is no such bucket", where=bucket.url, fix="lotus state init creates it")
    if is_denied(error):
        return RemoteError(
            f"these keys may not do that ({operation})",
            where=bucket.url,
            fix="people's and CI's keys only read; docs/one-writer.md says who may do what, and how to break the glass",
        )
    message = str(error.response.get("Error", {}).get("Message", "")) or error_code
    return RemoteError(f"the bucket refused {operation}: {message}", where=bucket.url)
