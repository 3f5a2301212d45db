"""Users of the state's bucket in the three ways that S3 servers have, each by a real server: who may do what."""

from __future__ import annotations

import configparser
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lotus.errors import RemoteError
from lotus.local.processes import answers
from lotus.local.record import MINIO, VERSITYGW
from lotus.state.aws_users import AwsUsers
from lotus.state.bucket import Bucket, code
from lotus.state.identities import Identity, Users
from lotus.state.users import users_of
from lotus.tools import ensure
from tests.support.processes import free_port, running
from tests.support.s3 import ROOT, S3, answering, started_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Way:
    """A bucket with versions and two versions of one object, and how its S3 makes users."""

    s3: S3
    users: Users
    old_version: str

    def client(self, file: Path) -> Any:
        """The bucket as the user sees it whose keys are in the file."""
        keys = configparser.ConfigParser()
        assert keys.read(file)
        variables = {name.upper(): value for name, value in keys["default"].items()}
        return Bucket.of(self.s3.backend("state")).client(variables)


def way(s3: S3, users: Users | None = None) -> Way:
    """The bucket `state` of an S3, made with its root's keys."""
    client = s3.client()
    client.create_bucket(Bucket="state")
    client.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Enabled"})
    old = client.put_object(Bucket="state", Key="stack.json", Body=b"1")["VersionId"]
    client.put_object(Bucket="state", Key="stack.json", Body=b"2")
    chosen = users or users_of(Bucket.of(s3.backend("state")), ROOT)
    assert chosen is not None
    return Way(s3, chosen, old)


@pytest.fixture(scope="module", params=["versitygw", "MinIO", "IAM"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """Each way on an S3 of its own; IAM's by versitygw's server for it, which the S3 asks for users and policies."""
    folder = tmp_path_factory.mktemp("users")
    if request.param == "IAM":
        with started_iam(folder) as served:
            yield served
        return
    with started_s3(folder, VERSITYGW if request.param == "versitygw" else MINIO) as s3:
        yield way(s3)


def started_iam(folder: Path) -> Any:
    """A server that speaks AWS's IAM, and an S3 whose users it has."""
    from contextlib import contextmanager

    @contextmanager
    def started() -> Generator[Way]:
        program, port, s3_port = ensure(VERSITYGW), free_port(), free_port()
        for name in ("iam", "buckets", "versions"):
            (folder / name).mkdir()
        private = folder / "private.sock"
        root = {"ROOT_ACCESS_KEY": ROOT["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": ROOT["AWS_SECRET_ACCESS_KEY"]}
        iam = [program, "--port", f"127.0.0.1:{port}", "iam", "--dir", folder / "iam", "--private-ports", private]
        gateway = [
            *(program, "--port", f"127.0.0.1:{s3_port}", "--health", "/health", "--iam-cache-disable"),
            *("--iam-standalone-endpoint", private, "posix", "--versioning-dir", folder / "versions"),
            folder / "buckets",
        ]
        with running(iam, folder / "iam.log", root), running(gateway, folder / "s3.log", root):
            answering(lambda: answers(f"http://127.0.0.1:{s3_port}/health"), folder / "s3.log")
            s3 = S3(f"127.0.0.1:{s3_port}")
            bucket = Bucket("state", "", None, "us-east-1", path_style=False)  # AWS's own: no address
            yield way(s3, AwsUsers(bucket, {**ROOT, "AWS_ENDPOINT_URL_IAM": f"http://127.0.0.1:{port}"}))

    return started()


def refused(call: Any) -> str:
    """S3's word for a call that must not work."""
    with pytest.raises(ClientError) as caught:
        call()
    return code(caught.value)


def test_a_reader_reads_also_old_versions_and_changes_nothing(served: Way, tmp_path: Path):
    """People and CI preview with these keys."""
    reader = served.client(served.users.make(Identity.READER, tmp_path).file)

    assert reader.get_object(Bucket="state", Key="stack.json")["Body"].read() == b"2"
    old = reader.get_object(Bucket="state", Key="stack.json", VersionId=served.old_version)
    assert old["Body"].read() == b"1"
    assert reader.list_objects_v2(Bucket="state")["KeyCount"] >= 1
    assert refused(lambda: reader.put_object(Bucket="state", Key="x", Body=b"")) == "AccessDenied"
    assert refused(lambda: reader.delete_object(Bucket="state", Key="stack.json")) == "AccessDenied"


@pytest.mark.parametrize("identity", [Identity.OPERATOR, Identity.BREAK_GLASS])
def test_a_writer_writes_and_can_neither_delete_history_nor_rights(served: Way, tmp_path: Path, identity: Identity):
    """What was written can always be restored, whoever has the writer's keys."""
    writer = served.client(served.users.make(identity, tmp_path).file)

    writer.put_object(Bucket="state", Key="mine", Body=b"")
    writer.delete_object(Bucket="state", Key="mine")
    suspended = {"Status": "Suspended"}
    assert [
        refused(lambda: writer.delete_object(Bucket="state", Key="stack.json", VersionId=served.old_version)),
        refused(lambda: writer.put_bucket_versioning(Bucket="state", VersioningConfiguration=suspended)),
        refused(lambda: writer.delete_bucket_policy(Bucket="state")),
    ] == ["AccessDenied"] * 3


def test_a_second_user_works_beside_the_first_until_that_is_removed(served: Way, tmp_path: Path):
    """Keys rotate without a gap."""
    first = served.users.make(Identity.READER, tmp_path / "first")
    second = served.users.make(Identity.READER, tmp_path / "second")
    assert {first.name, second.name} <= set(served.users.names(Identity.READER))

    served.users.remove(first.name)

    assert first.name not in served.users.names(Identity.READER)
    assert served.client(second.file).list_objects_v2(Bucket="state")["KeyCount"] >= 1
    assert refused(lambda: served.client(first.file).list_objects_v2(Bucket="state")) in {
        "InvalidAccessKeyId",
        "AccessDenied",
    }


def test_statements_of_others_stay_in_the_buckets_policy(served: Way, tmp_path: Path):
    """versitygw has one policy for the bucket: lotus writes its own statements and no other."""
    if type(served.users).__name__ != "VersitygwUsers":
        pytest.skip("users have policies of their own here")
    client = served.s3.client()
    served.users.make(Identity.READER, tmp_path)
    document = json.loads(client.get_bucket_policy(Bucket="state")["Policy"])
    resource = ["arn:aws:s3:::state/public/*"]
    public = {"Sid": "Public", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": resource}
    document["Statement"].append(public)
    client.put_bucket_policy(Bucket="state", Policy=json.dumps(document))

    served.users.remove(served.users.names(Identity.READER)[0])

    statements = json.loads(client.get_bucket_policy(Bucket="state")["Policy"])["Statement"]
    assert [each for each in statements if each["Sid"] == "Public"] == [public]


def test_a_user_of_another_bucket_is_not_removed(served: Way):
    """A name that does not begin as this bucket's is named with those that do."""
    with pytest.raises(Exception, match="is not a user of this bucket"):
        served.users.remove("other-reader-000000")


def test_keys_that_may_not_make_users_are_named(tmp_path: Path, served: Way):
    """The operator's keys are no root's."""
    if type(served.users).__name__ == "AwsUsers":
        pytest.skip("who may not look at users gets the commands instead")
    file = served.users.make(Identity.OPERATOR, tmp_path).file
    keys = configparser.ConfigParser()
    keys.read(file)
    variables = {name.upper(): value for name, value in keys["default"].items()}
    users = type(served.users)(served.users.bucket, variables)  # pyright: ignore[reportCallIssue]

    with pytest.raises(RemoteError, match="admin API answers 403"):
        users.make(Identity.READER, tmp_path)


def test_repeated_the_rights_of_an_older_lotus_are_renewed(served: Way, tmp_path: Path):
    """On MinIO its writers could delete old versions: the next `lotus state init` takes that away."""
    writer = served.client(served.users.make(Identity.OPERATOR, tmp_path).file)
    served.users.renew_rights()

    assert (
        refused(lambda: writer.delete_object(Bucket="state", Key="stack.json", VersionId=served.old_version))
        == "AccessDenied"
    )
