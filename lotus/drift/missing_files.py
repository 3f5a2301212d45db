"""What jobs report as landed, compared with the files in the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_airbyte.api import Job

from lotus.config import Project
from lotus.errors import UnavailableError
from lotus.lake.landing import written_since
from lotus.lake.landings import landings
from lotus.s3 import LandingBucket

_SLACK = 60
"""Seconds by which the clocks of Airbyte and the bucket may differ."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What should be in a bucket and is not: a stream's newest files, or (without a stream) the bucket itself."""

    source: str
    stream: str
    location: str
    rows: int
    job: int
    author: str


def missing_files(project: Project, jobs: Mapping[str, Sequence[Job]]) -> list[Missing]:
    """The streams whose newest landed files are gone; `jobs` are each connection's, newest first, by its name.

    Raises:
        UnavailableError: the bucket cannot be listed.
    """
    losses: list[Missing] = []
    missing_buckets: set[str] = set()
    for zone in landings(project):
        if zone.bucket.name in missing_buckets:
            continue
        if not _exists(zone.bucket):
            missing_buckets.add(zone.bucket.name)
            author = "somebody who is allowed to delete buckets"
            losses.append(Missing(zone.source, "", zone.bucket.name, 0, 0, author))
            continue
        last_landed = _last_landed(jobs.get(zone.connection, ()), zone.stream)
        if last_landed is None:
            continue
        job, rows = last_landed
        if not written_since(zone, job.created_at - _SLACK):
            losses.append(
                Missing(zone.source, zone.stream, zone.url, rows, job.id, likely_author(zone.bucket, zone.prefix))
            )
    return losses


def _last_landed(jobs: Sequence[Job], stream: str) -> tuple[Job, int] | None:
    """The newest job that landed rows of the stream, if no deletion that was asked for came after it."""
    for job in jobs:
        if job.type in ("reset", "clear"):
            return None
        rows = sum(stats.records_committed for a in job.attempts for stats in a.streams if stats.name == stream)
        if not job.ended:
            return None
        if rows:
            return job, rows
    return None


def _exists(bucket: LandingBucket) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        bucket.client.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            return False
        raise UnavailableError(f"the bucket cannot be read: {error}", where=f"s3://{bucket.name}") from None
    except BotoCoreError as error:
        raise UnavailableError(f"the bucket cannot be reached: {error}", where=f"s3://{bucket.name}") from None
    return True


def likely_author(bucket: LandingBucket, prefix: str) -> str:
    """The lifecycle rule or person that likely deleted the files below a prefix."""
    for rule in _rules(bucket):
        covered = str(rule.get("Prefix") or (rule.get("Filter") or {}).get("Prefix") or "")
        if rule.get("Status") == "Enabled" and rule.get("Expiration") and prefix.startswith(covered):
            days = rule["Expiration"].get("Days")
            return f'the bucket\'s lifecycle rule "{rule.get("ID", "")}"' + (f" ({days} days)" if days else "")
    return "somebody with keys to the bucket"


def _rules(bucket: LandingBucket) -> Iterator[Mapping[str, Any]]:
    from botocore.exceptions import ClientError

    try:
        yield from bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    except ClientError:
        return  # none, or not allowed to see them: then it stays a guess
