"""Users of a versitygw, by its admin API, and their rights, which are one policy of the bucket.

The API is four PATCH requests on the S3's own port, signed as S3 requests are; an account is a few lines of XML. A
user that is removed is refused once versitygw's cache has forgotten it: 120 s, unless it runs without one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from lotus.errors import UnavailableError
from lotus.state.bucket import Bucket, bucket_errors, code
from lotus.state.identities import POLICY, AccessKey, Identity, Users, policy

_SECONDS = 20


class VersitygwUsers(Users):
    """Accounts of the role `user`, which the bucket's policy lets in by name."""

    def __init__(self, bucket: Bucket, environment: Mapping[str, str]) -> None:
        super().__init__(bucket)
        self._environment = environment

    def available(self) -> bool:
        """Whether a versitygw answers, which names itself in every answer."""
        try:
            return self._send("list-users").headers.get("Server", "").upper() == "VERSITYGW"
        except UnavailableError:
            return False

    def all_names(self) -> list[str]:
        """Every account but the root's."""
        return re.findall(r"<Access>([^<]*)</Access>", self._call("list-users"))

    def create(self, name: str, identity: Identity) -> AccessKey:
        """An account, and the bucket's policy with its name in it."""
        key = AccessKey.new(name)
        account = f"<Account><Access>{escape(name)}</Access><Secret>{key.secret}</Secret><Role>user</Role></Account>"
        self._call("create-user", body=account)
        self.renew_rights()
        return key

    def renew_rights(self) -> None:
        """The bucket's policy, with the names of all its users."""
        self._write_policy(self.by_identity())

    def delete(self, name: str) -> None:
        """The policy forgets it first: an account that stays behind can then do nothing here."""
        self._write_policy({each: [n for n in names if n != name] for each, names in self.by_identity().items()})
        self._call("delete-user", access=name)

    def _write_policy(self, users: Mapping[Identity, list[str]]) -> None:
        """One statement for each of the policies' and each identity; statements of others stay."""
        client = self.bucket.client(self._environment)
        statements = [each for each in self._statements(client) if not _is_ours(each)]
        for identity, names in users.items():
            for statement in policy(identity, self.bucket.name)["Statement"] if names else ():
                sid = f"Lotus{POLICY[identity].title()}{identity.title().replace('-', '')}{statement['Sid']}"
                statements.append({**statement, "Sid": sid, "Principal": {"AWS": names}})
        with bucket_errors(self.bucket):
            if statements:
                document = json.dumps({"Version": "2012-10-17", "Statement": statements})
                client.put_bucket_policy(Bucket=self.bucket.name, Policy=document)
            else:
                client.delete_bucket_policy(Bucket=self.bucket.name)

    def _statements(self, client: Any) -> list[dict[str, Any]]:
        from botocore.exceptions import ClientError

        with bucket_errors(self.bucket):
            try:
                document = client.get_bucket_policy(Bucket=self.bucket.name)["Policy"]
            except ClientError as error:
                if code(error) == "NoSuchBucketPolicy":
                    return []
                raise
        return json.loads(document).get("Statement", [])

    def _call(self, action: str, *, body: str = "", **query: str) -> str:
        response = self._send(action, body=body, **query)
        if response.status_code >= 300:
            word = re.search(r"<Code>(\w+)</Code>", response.text)
            raise self._refused(
                f"{response.status_code}{f' {word.group(1)}' if word else ''}",
                "use the root keys of the versitygw, and start it with --iam-dir (or another store of users)",
            )
        return response.text

    def _send(self, action: str, *, body: str = "", **query: str) -> Any:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        from botocore.exceptions import BotoCoreError
        from botocore.httpsession import URLLib3Session

        keys = Credentials(
            self._environment.get("AWS_ACCESS_KEY_ID", ""), self._environment.get("AWS_SECRET_ACCESS_KEY", "")
        )
        url = f"{self.bucket.endpoint}/{action}{f'?{urlencode(query)}' if query else ''}"
        request = AWSRequest("PATCH", url, data=body.encode())
        S3SigV4Auth(keys, "s3", self.bucket.region or "us-east-1").add_auth(request)
        try:
            return URLLib3Session(timeout=_SECONDS).send(request.prepare())
        except (BotoCoreError, OSError) as error:
            raise self._unreachable(error) from None


def _is_ours(statement: Mapping[str, Any]) -> bool:
    return str(statement.get("Sid", "")).startswith("Lotus")
