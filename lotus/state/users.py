"""Which way an S3 has to make users: versitygw's admin API, MinIO's, AWS's IAM."""

from __future__ import annotations

from collections.abc import Mapping

from lotus.state.aws_users import AwsUsers
from lotus.state.bucket import Bucket
from lotus.state.identities import Users
from lotus.state.minio_users import MinioUsers
from lotus.state.versitygw_users import VersitygwUsers


def users_of(bucket: Bucket, environment: Mapping[str, str]) -> Users | None:
    """The way in which this S3 makes users; None where it has none that lotus knows."""
    if bucket.endpoint is None:
        ways: tuple[Users, ...] = (AwsUsers(bucket, environment),)
    else:
        ways = (VersitygwUsers(bucket, environment), MinioUsers(bucket, environment))
    return next((users for users in ways if users.available()), None)
