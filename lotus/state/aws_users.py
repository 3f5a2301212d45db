"""Users of AWS, by IAM: each has its policy of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lotus.errors import RemoteError, UnavailableError
from lotus.state.bucket import Bucket, code, is_denied
from lotus.state.identities import AccessKey, Identity, Users, policy

_POLICY = "lotus-state"
"""The name of the policy that each user holds."""


class AwsUsers(Users):
    """Users with one policy and one key; IAM has no buckets, so the bucket is in their names alone."""

    def __init__(self, bucket: Bucket, environment: Mapping[str, str]) -> None:
        super().__init__(bucket)
        self._environment = environment

    def available(self) -> bool:
        """Whether these keys may look at the users; who may not gets the commands for somebody who may."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._iam().list_users(MaxItems=1)
        except ClientError as error:
            return not is_denied(error)
        except BotoCoreError:
            return False
        return True

    def all_names(self) -> list[str]:
        """Every user of the account."""
        pages = self._iam().get_paginator("list_users").paginate()
        return self._answer(lambda: [user["UserName"] for page in pages for user in page["Users"]])

    def create(self, name: str, identity: Identity) -> AccessKey:
        """A user, its policy and its only key."""
        iam = self._iam()
        self._answer(lambda: iam.create_user(UserName=name))
        self._write_policy(iam, name, identity)
        key = self._answer(lambda: iam.create_access_key(UserName=name)["AccessKey"])
        return AccessKey(key["AccessKeyId"], key["SecretAccessKey"])

    def renew_rights(self) -> None:
        """Each user's own policy."""
        iam = self._iam()
        for identity, names in self.by_identity().items():
            for name in names:
                self._write_policy(iam, name, identity)

    def _write_policy(self, iam: Any, name: str, identity: Identity) -> None:
        document = json.dumps(policy(identity, self.bucket.name))
        self._answer(lambda: iam.put_user_policy(UserName=name, PolicyName=_POLICY, PolicyDocument=document))

    def delete(self, name: str) -> None:
        """IAM deletes a user only without keys and policies."""
        iam = self._iam()
        for key in self._answer(lambda: iam.list_access_keys(UserName=name)["AccessKeyMetadata"]):
            self._answer(lambda key=key: iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"]))
        self._answer(lambda: iam.delete_user_policy(UserName=name, PolicyName=_POLICY))
        self._answer(lambda: iam.delete_user(UserName=name))

    def _iam(self) -> Any:
        import boto3

        session = boto3.Session(
            aws_access_key_id=self._environment.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=self._environment.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=self._environment.get("AWS_SESSION_TOKEN"),
            profile_name=self._environment.get("AWS_PROFILE"),
        )
        endpoint = self._environment.get("AWS_ENDPOINT_URL_IAM") or self._environment.get("AWS_ENDPOINT_URL")
        return session.client("iam", endpoint_url=endpoint or None, region_name=self.bucket.region or "us-east-1")

    def _answer(self, call: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except ClientError as error:
            raise RemoteError(
                f"users cannot be created here: IAM refuses {error.operation_name} ({code(error)})",
                where=self.bucket.url,
                fix="use the keys of an administrator of the account",
            ) from None
        except BotoCoreError as error:
            raise UnavailableError(
                f"IAM cannot be reached: {error.__class__.__name__}", where=self.bucket.url, fix="check the network"
            ) from None
