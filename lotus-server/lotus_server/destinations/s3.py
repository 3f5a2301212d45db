"""`s3`: objects in S3 or in anything that speaks its API, laid out byte for byte as Airbyte's destination-s3 does.

Staged objects are multipart uploads that wait for their completion: durable, and invisible to every reader.
"""

from __future__ import annotations

import contextlib
import ipaddress
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field as Setting
from pydantic.config import JsonDict

from lotus_server.destinations.destination import (
    DestinationError,
    Mode,
    Note,
    Receipt,
    TransientDestinationError,
)
from lotus_server.destinations.file_names import DEFAULT_PATH_FORMAT
from lotus_server.destinations.files import GENERATION_METADATA, FileConfiguration, FileDestination, Format

PART_BYTES = 16 * 1024 * 1024
"""Size of an upload's parts; S3 wants at least 5 MiB and at most 10,000 parts."""

MAX_KEY_BYTES = 1024

STAGE_METADATA = "lotus-stage-id"
"""Metadata by which a repeated completion recognises its own object."""

_SECRET: JsonDict = {"airbyte_secret": True}


class S3Configuration(FileConfiguration):
    """A bucket and where in it the files go; property names are those of Airbyte's destination-s3."""

    access_key_id: str = Setting(
        default="",
        title="Access key id",
        description="Empty: the machine's own credentials.",
        json_schema_extra=_SECRET,
    )
    secret_access_key: str = Setting(default="", title="Secret access key", json_schema_extra=_SECRET)
    role_arn: str = Setting(default="", title="Role to assume", description="Not offered by the local server.")
    s3_bucket_name: str = Setting(min_length=1, title="Bucket")
    s3_bucket_path: str = Setting(title="Path in the bucket", description="May hold the variables of the path format.")
    s3_bucket_region: str = Setting(default="", title="Region")
    format: Format = Setting(title="File format")
    s3_endpoint: str = Setting(
        default="", title="Endpoint", description="Empty: AWS. Else such as http://localhost:9000."
    )
    s3_path_format: str = Setting(
        default="",
        title="Path of a stream's files",
        description="${NAMESPACE}, ${STREAM_NAME}, ${YEAR}, ${MONTH}, ${DAY}, ${HOUR}, ${EPOCH}, ${UUID}, …",
    )

    def root(self) -> str:
        """The path in the bucket."""
        return self.s3_bucket_path

    def path(self) -> str:
        """The path format."""
        return self.s3_path_format or DEFAULT_PATH_FORMAT


class S3(FileDestination[S3Configuration]):
    """Parquet or JSONL in a bucket."""

    name = "s3"
    title = "S3"
    modes: ClassVar[tuple[Mode, ...]] = ("overwrite", "append")
    Configuration = S3Configuration

    def __init__(self, configuration: S3Configuration) -> None:
        super().__init__(configuration)
        if configuration.role_arn:
            raise DestinationError("role_arn is not offered by the local server: use access keys")
        self._bucket = configuration.s3_bucket_name
        self._made: Any = None

    @property
    def _client(self) -> Any:
        # boto3 takes 0.3 s to import: only when there is something to do.
        if self._made is None:
            import boto3
            from botocore.config import Config

            settings = self.configuration
            with _translated(settings):
                self._made = boto3.client(
                    "s3",
                    endpoint_url=_endpoint(settings.s3_endpoint),
                    region_name=settings.s3_bucket_region or "us-east-1",
                    aws_access_key_id=settings.access_key_id or None,
                    aws_secret_access_key=settings.secret_access_key or None,
                    config=Config(
                        # A proxy is for other machines; botocore takes it for this one too.
                        proxies={} if _is_loopback(settings.s3_endpoint) else None,
                        retries={"mode": "standard", "max_attempts": 4},
                        connect_timeout=5,
                        read_timeout=60,
                        max_pool_connections=16,
                        # Servers other than AWS do not all know the newer checksum trailers.
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                        s3={"addressing_style": "path"} if settings.s3_endpoint else {},
                    ),
                )
        return self._made

    def check(self) -> None:
        """Airbyte's own check: writes `{"data": 1}` to `<path>/_EXAMPLE`, lists it, deletes it.

        As docs/airbyte-behaviour.md#check-of-the-s3-destination has it.
        """
        key = "/".join(filter(None, [self.configuration.s3_bucket_path.strip("/"), "_EXAMPLE"]))
        with _translated(self.configuration):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=b'{"data": 1}')
            try:
                listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key)
            finally:
                self._client.delete_object(Bucket=self._bucket, Key=key)
        if key not in [each["Key"] for each in listed.get("Contents", [])]:
            raise DestinationError(f"bucket {self._bucket} does not list the object that was just written to it")

    def _refusal_of(self, key: str) -> str | None:
        return None if len(key.encode()) <= MAX_KEY_BYTES else "a key has at most 1024 bytes"

    def _keys(self, prefix: str) -> Iterator[str]:
        with _translated(self.configuration):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                for each in page.get("Contents", []):
                    yield each["Key"]

    def _generations(self, keys: Sequence[str]) -> Iterable[tuple[str, int]]:
        def generation(key: str) -> tuple[str, int] | None:
            metadata = self._head(key)
            return None if metadata is None else (key, int(metadata.get(GENERATION_METADATA) or 0))

        with _translated(self.configuration), ThreadPoolExecutor(8) as pool:
            return [each for each in pool.map(generation, keys) if each is not None]

    def _head(self, key: str) -> dict[str, str] | None:
        from botocore.exceptions import ClientError

        try:
            return dict(self._client.head_object(Bucket=self._bucket, Key=key)["Metadata"])
        except ClientError as error:
            if _code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def _stage_file(self, path: Path, key: str, generation: int, note: Note) -> Receipt:
        stage_id = uuid.uuid4().hex
        # Before there is an upload: if the answer that names it is lost, it can be found by its key.
        note({"key": key, "stage": stage_id})
        with _translated(self.configuration):
            upload = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                Metadata={GENERATION_METADATA: str(generation), STAGE_METADATA: stage_id},
            )
            size = path.stat().st_size
            receipt: Receipt = {"key": key, "upload": upload["UploadId"], "stage": stage_id, "bytes": size}
            note(receipt)
            numbers = range(max(1, -(-size // PART_BYTES)))

            def send(number: int) -> dict[str, Any]:
                with path.open("rb") as file:
                    file.seek(number * PART_BYTES)
                    body = file.read(PART_BYTES)
                response = self._client.upload_part(
                    Bucket=self._bucket, Key=key, UploadId=receipt["upload"], PartNumber=number + 1, Body=body
                )
                return {"ETag": response["ETag"], "PartNumber": number + 1}

            # Two at a time: each holds a part in memory.
            with ThreadPoolExecutor(2) as pool:
                parts = list(pool.map(send, numbers))
        return {**receipt, "parts": parts}

    def _show(self, receipt: Receipt) -> None:
        from botocore.exceptions import ClientError

        with _translated(self.configuration):
            try:
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=receipt["key"],
                    UploadId=receipt["upload"],
                    MultipartUpload={"Parts": receipt["parts"]},
                )
            except ClientError as error:
                if _code(error) != "NoSuchUpload":
                    raise
                # Completed before, or lost (aborted by another client): the object itself shows which.
                if (self._head(receipt["key"]) or {}).get(STAGE_METADATA) != receipt["stage"]:
                    raise DestinationError(
                        f"the staged upload of {receipt['key']} is not in bucket {self._bucket} any more: "
                        "check whether a lifecycle rule aborted it"
                    ) from error
        self._sweep(receipt["key"])

    def _drop(self, receipt: Receipt) -> None:
        if "upload" in receipt:
            self._abort(receipt["key"], receipt["upload"])
        else:
            self._sweep(receipt["key"])

    def _abort(self, key: str, upload: str) -> None:
        from botocore.exceptions import ClientError

        with _translated(self.configuration):
            try:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            except ClientError as error:
                if _code(error) != "NoSuchUpload":
                    raise

    def _sweep(self, key: str) -> None:
        """Aborts every upload of a key: a request that was repeated, since its answer was lost, left one."""
        from botocore.exceptions import ClientError

        with _translated(self.configuration):
            try:
                listed = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
            except ClientError as error:
                if _code(error) in ("AccessDenied", "NotImplemented"):
                    return  # listing uploads is a permission of its own, which no sync needs
                raise
        for upload in listed.get("Uploads", []):
            if upload["Key"] == key:
                self._abort(key, upload["UploadId"])

    def _delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), 1000):
            chunk = keys[start : start + 1000]
            with _translated(self.configuration):
                response = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in chunk], "Quiet": True}
                )
            if faults := response.get("Errors"):
                first = faults[0]
                raise DestinationError(f"cannot delete {first['Key']} in bucket {self._bucket}: {first.get('Message')}")

    def close(self) -> None:
        """Closes the connections."""
        if self._made is not None:
            self._made.close()


def _endpoint(value: str) -> str | None:
    if not value:
        return None
    return value if "://" in value else f"https://{value}"


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(_endpoint(endpoint) or "").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


_WORDS = {
    "NoSuchBucket": "the bucket {bucket} does not exist",
    "InvalidAccessKeyId": "the access key id is not known",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key id",
    "AccessDenied": "access to bucket {bucket} is denied: put, get, list and delete are needed",
    "403": "access to bucket {bucket} is denied: put, get, list and delete are needed",
    "PermanentRedirect": "the bucket {bucket} is in another region than {region}",
    "AuthorizationHeaderMalformed": "the bucket {bucket} is in another region than {region}",
}


@contextlib.contextmanager
def _translated(settings: S3Configuration) -> Generator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
    from botocore.exceptions import ConnectionError as EndpointError

    endpoint = settings.s3_endpoint or "AWS S3"
    try:
        yield
    except ClientError as error:
        code = _code(error)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        words = _WORDS.get(code, "")
        message = str(error.response.get("Error", {}).get("Message", ""))
        reason = words.format(bucket=settings.s3_bucket_name, region=settings.s3_bucket_region) if words else message
        kind = (
            TransientDestinationError if status >= 500 or code in ("SlowDown", "RequestTimeout") else DestinationError
        )
        raise kind(f"{endpoint}: {reason or code} ({code})") from error
    except NoCredentialsError as error:
        raise DestinationError(f"{endpoint}: no credentials: set access_key_id and secret_access_key") from error
    except (EndpointError, HTTPClientError, ConnectionError) as error:
        kind = type(error).__name__
        raise TransientDestinationError(
            f"{endpoint} cannot be reached ({kind}): check that it runs and that s3_endpoint is right"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise DestinationError(f"{endpoint}: {error}") from error
