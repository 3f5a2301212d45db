"""The bucket of the state: set up with keys by identity, tried out, looked back at, put back, unlocked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from lotus.errors import ConfigError
from lotus.state.bucket import Bucket
from lotus.state.identities import Identity, policy
from lotus.state.stack_state import State, _by_hand, opened, unlock
from lotus.state.users import users_of
from tests.state.conftest import GuardedLake, make_lake
from tests.support.airbyte import Airbyte
from tests.support.s3 import ROOT, S3

slow = [pytest.mark.slow, pytest.mark.timeout(600)]
LOCKS = ".pulumi/locks/organization/lake/prod"


def test_nobody_but_the_writers_may_write_and_nobody_may_delete_a_version():
    """The policies that are shipped, in the words of AWS and MinIO."""
    actions = {
        identity: {
            action
            for statement in policy(identity, "b")["Statement"]
            for action in statement["Action"]
            if statement["Effect"] == "Allow"
        }
        for identity in Identity
    }
    assert not {a for a in actions[Identity.READER] if "Put" in a or "Delete" in a}
    assert actions[Identity.OPERATOR] == actions[Identity.BREAK_GLASS] > actions[Identity.READER]
    assert "s3:DeleteObjectVersion" not in actions[Identity.OPERATOR]
    assert "arn:aws:s3:::b/*" in json.dumps(policy(Identity.READER, "b"))


def test_a_state_that_is_in_no_bucket_is_said_to_be_so():
    """Versions, keys and probes are a bucket's."""
    with pytest.raises(ConfigError, match="not in an S3 bucket"):
        Bucket.of("file:///tmp/state")


@pytest.fixture(scope="module")
def lake(s3_server: S3, airbyte: Airbyte, tmp_path_factory: pytest.TempPathFactory) -> GuardedLake:
    """A lake that the operator applied."""
    made = make_lake(tmp_path_factory.mktemp("lake"), airbyte, s3_server, "kept")
    made.up_as()
    return made


def asked(lake: GuardedLake, identity: str, *command: str) -> tuple[int, Any, str]:
    """Exit code, JSON and talk of a `lotus state` command."""
    answer = lake.run(identity, "lotus", "state", *command, "--json", check=False)
    return answer.returncode, json.loads(answer.stdout) if answer.stdout else None, answer.stderr


def as_operator(lake: GuardedLake) -> State:
    """The state, opened with the operator's keys."""
    return opened(lake.folder, "prod", lake.environment_of("operator"))


def lock(s3_server: S3, name: str, **more: Any) -> None:
    """A lock file as Pulumi writes it."""
    body = {"pid": os.getpid(), "username": "somebody", "hostname": socket.gethostname(), **more}
    content = json.dumps({"timestamp": "2026-11-20T10:00:00Z", **body}).encode()
    s3_server.client().put_object(Bucket="kept", Key=f"{LOCKS}/{name}.json", Body=content)


def locks(s3_server: S3) -> set[str]:
    """The names of the locks that are there."""
    found = s3_server.client().list_objects_v2(Bucket="kept", Prefix=f"{LOCKS}/")
    return {one["Key"].rsplit("/", 1)[-1].removesuffix(".json") for one in found.get("Contents", ())}


class TestSetUp:
    """`lotus state init` on the S3 of the dev stack, with its root's keys."""

    pytestmark = slow

    def test_repeated_it_changes_nothing_and_key_files_are_their_owners_alone(self, lake: GuardedLake):
        """Who runs it twice has no second set of keys, and no key on the screen."""
        before = {identity: lake.keys(identity) for identity in Identity}
        _, made, talk = asked(lake, "root", "init")

        assert (made["done"], made["users"]) == ([], [])
        assert {identity: lake.keys(identity) for identity in Identity} == before
        for identity in Identity:
            assert (lake.folder / ".lotus" / "keys" / f"{identity}.ini").stat().st_mode & 0o077 == 0
            assert before[identity]["AWS_SECRET_ACCESS_KEY"] not in json.dumps(made) + talk

    def test_who_is_not_root_is_told_so(self, lake: GuardedLake):
        """The operator's keys make no users."""
        code, _, talk = asked(lake, "operator", "init", "--rotate", "reader")
        assert code == 1
        assert "admin API answers 403" in talk and "root keys" in talk

    def test_an_s3_of_another_kind_gets_the_policies_as_files(self, airbyte: Airbyte, tmp_path: Path):
        """Users are made there in its own way; here any server that is no S3 of ours stands for it."""
        other = Bucket("b", "", airbyte.url.partition("/api")[0], "us-east-1", path_style=True)
        assert users_of(other, ROOT) is None
        assert [line.split()[4] for line in _by_hand(other, tmp_path)] == [f"b-{identity}" for identity in Identity]
        assert {file.name for file in tmp_path.iterdir()} == {f"{i}.policy.json" for i in Identity}

    def test_keys_rotate_without_a_gap(self, lake: GuardedLake):
        """The old pair goes on until it is retired; the new file is read by the next run."""
        old = lake.keys("operator")
        asked(lake, "root", "init", "--rotate", "operator")
        new = lake.keys("operator")
        assert old["AWS_ACCESS_KEY_ID"] != new["AWS_ACCESS_KEY_ID"]
        works = lake.run("operator", "lotus", "state", "check", check=True, **old)
        assert "write     yes" in works.stdout

        # The pod has the keys as a mounted file that is renewed under the same name.
        mounted = lake.folder / "mounted"
        variables = {"AWS_SHARED_CREDENTIALS_FILE": str(mounted), "PULUMI_AIRBYTE_WRITER": "operator"}
        mounted.write_text("[default]\n" + "".join(f"{k.lower()} = {v}\n" for k, v in old.items()))
        lake.up_as("own state", check=True, PULUMI_BACKEND_URL=lake.backend, **variables)
        _, retired, _ = asked(lake, "root", "init", "--retire", old["AWS_ACCESS_KEY_ID"])
        assert retired["done"][-1].endswith("removed")
        refused = lake.run("operator", "lotus", "state", "check", check=False, **old)
        assert "the bucket does not know these keys" in refused.stderr
        mounted.write_text("[default]\n" + "".join(f"{k.lower()} = {v}\n" for k, v in new.items()))
        lake.up_as("own state", check=True, PULUMI_BACKEND_URL=lake.backend, **variables)


class TestTriedOut:
    """`lotus state check`: reading is not proof."""

    pytestmark = slow

    def test_the_writer_writes_and_leaves_nothing_behind(self, lake: GuardedLake, s3_server: S3):
        """The probe lies where Pulumi puts its locks, and goes."""
        code, found, _ = asked(lake, "operator", "check")
        assert (code, found["writes"], found["removes"], found["versioned"], found["ok"]) == (0, True, True, True, True)
        assert found["resources"] == 7  # component, two sources, a destination, two connections, the provider
        left = s3_server.client().list_objects_v2(Bucket="kept", Prefix=".pulumi/locks/lotus-probe/")
        assert left["KeyCount"] == 0

    def test_a_writer_with_a_readers_keys_is_told_before_its_apply_is(self, lake: GuardedLake):
        """What Pulumi would say is `PutObject … AccessDenied`, in mid-run."""
        code, found, talk = asked(lake, "reader", "check")
        assert (code, found["writes"], found["ok"]) == (0, False, True)
        answer = lake.run("reader", "lotus", "state", "check", check=False, PULUMI_AIRBYTE_WRITER="operator")
        assert answer.returncode == 1
        assert "these keys cannot write: pulumi up stops at its lock" in answer.stderr
        assert not talk.count("Traceback")

    def test_a_laptop_with_the_writers_keys_is_warned(self, lake: GuardedLake):
        """It works, and it should not."""
        code, found, _ = asked(lake, "writer's keys", "check")
        assert (code, found["is_writer"]) == (0, False)
        assert "people and CI should have the reader's keys" in found["hints"][0]

    @pytest.mark.parametrize(
        ("more", "code", "words"),
        [
            ({"AWS_SECRET_ACCESS_KEY": "another"}, 2, "the bucket does not know these keys"),
            ({"PULUMI_BACKEND_URL": "nowhere"}, 2, "there is no such bucket"),
            ({"PULUMI_BACKEND_URL": "closed"}, 4, "the state's bucket cannot be reached"),
        ],
    )
    def test_what_is_wrong_is_one_sentence(self, lake: GuardedLake, more: dict[str, str], code: int, words: str):
        """Wrong key, wrong bucket, wrong address: with the fix, and without a traceback."""
        url = {
            "nowhere": lake.backend.replace("s3://kept", "s3://nowhere"),
            "closed": "s3://kept?endpoint=127.0.0.1:9&disableSSL=true&s3ForcePathStyle=true&region=us-east-1",
        }
        more = {name: url.get(value, value) for name, value in more.items()}
        answer = lake.run("root", "lotus", "state", "check", check=False, **more)
        assert (answer.returncode, words in answer.stderr, "Traceback" in answer.stderr) == (code, True, False), answer


class TestLookedBackAt:
    """`lotus state snapshots` and `restore`."""

    pytestmark = slow

    def test_an_old_state_is_put_back_with_consent_and_nothing_is_lost(self, lake: GuardedLake, s3_server: S3):
        """One row for a run; restore asks, waits for no lock, and can itself be undone."""
        _, before, _ = asked(lake, "reader", "snapshots")
        urn = "urn:pulumi:prod::lake::lotus:index:Lake$airbyte:index/connection:Connection::shop-to-files"
        lake.run("operator", "pulumi", "state", "delete", urn, "--yes")
        good = before[0]["version"]
        assert before[0]["run"].endswith("succeeded") and "shop-to-files" not in lake.state()

        code, _, talk = asked(lake, "operator", "restore", good)
        assert code == 2 and f"'lotus:confirm[0]' 'restore state prod {good}' --stack prod" in talk
        lake.run("reader", "pulumi", "config", "set", "--path", "lotus:confirm[0]", f"restore state prod {good}")
        lock(s3_server, "live")
        code, _, talk = asked(lake, "operator", "restore", good)
        assert code == 4 and "is locked by somebody@" in talk
        s3_server.client().delete_object(Bucket="kept", Key=f"{LOCKS}/live.json")
        code, _, talk = asked(lake, "writer's keys", "restore", good)
        assert code == 1 and 'changed by "operator" alone' in talk

        code, found, talk = asked(lake, "operator", "restore", good[:14])
        assert (code, found["restored"]["version"], found["replaced"]["resources"]) == (0, good, 6), talk
        assert "shop-to-files" in lake.state() and locks(s3_server) == set()
        lake.run("operator", "pulumi", "preview", "--refresh", "--run-program", "--expect-no-changes")
        _, after, _ = asked(lake, "reader", "snapshots", "--all")
        assert found["replaced"]["version"] in {one["version"] for one in after}
        lake.run("reader", "pulumi", "config", "rm", "lotus:confirm")

    def test_a_state_that_was_deleted_is_put_back(self, lake: GuardedLake, s3_server: S3):
        """The deletion is a version too, and what was before it is still there."""
        good = asked(lake, "reader", "snapshots")[1][0]["version"]
        s3_server.client().delete_object(Bucket="kept", Key=".pulumi/stacks/lake/prod.json")
        _, found, _ = asked(lake, "reader", "snapshots", "--all")
        assert (found[0]["deleted"], found[1]["version"]) == (True, good)
        assert "is a deletion" in asked(lake, "operator", "restore", found[0]["version"])[2]

        consent = f'lotus:confirm: ["restore state prod {good}"]'
        assert consent in asked(lake, "operator", "restore", good)[2]
        settings = lake.folder / "Pulumi.prod.yaml"
        settings.write_text(settings.read_text().replace("config:\n", f"config:\n  {consent}\n"))
        assert asked(lake, "operator", "restore", good)[0] == 0
        lake.run("operator", "pulumi", "preview", "--expect-no-changes")
        lake.run("reader", "pulumi", "config", "rm", "lotus:confirm")

    def test_a_version_that_is_none_is_named(self, lake: GuardedLake):
        """With the command that lists them."""
        code, _, talk = asked(lake, "operator", "restore", "no-such")
        assert (code, 'no version of the state starts with "no-such"' in talk) == (2, True)


class TestFreed:
    """`lotus state unlock`: only a lock whose owner provably is no more."""

    pytestmark = slow

    def test_a_killed_writers_lock_is_explained_and_freed(self, lake: GuardedLake, s3_server: S3, tmp_path: Path):
        """kill -9 in mid-update: the next `up` is locked out, check says by whom, unlock frees it, `up` goes on."""
        program = lake.folder / "__main__.py"
        text = program.read_text()
        started = tmp_path / "started"
        program.write_text(f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)\n{text}")
        process = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
            cwd=lake.folder, env=lake.environment_of("operator"), start_new_session=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 120
        while not started.exists():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        program.write_text(text)
        code, found, _ = asked(lake, "operator", "unlock")
        assert (code, found["kept"][0]["why"]) == (1, f"process {process.pid} (pulumi) of this host runs")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

        assert "locked by 1 lock" in lake.up_as(check=False)
        code, found, _ = asked(lake, "reader", "check")
        assert f"process {process.pid} of this host has ended" in found["hints"][-1]
        code, found, _ = asked(lake, "operator", "unlock")
        assert (code, len(found["freed"]), found["kept"]) == (0, 1, [])
        assert found["freed"][0]["lock"]["pid"] == process.pid
        lake.up_as()

    def test_what_is_not_provably_dead_stays(self, lake: GuardedLake, s3_server: S3):
        """Another host's, a live process's, a broken file: each with its reason; the dead one beside them goes."""
        ended = subprocess.Popen(["true"])
        ended.wait()
        lock(s3_server, "far", hostname="laptop-of-ann")
        lock(s3_server, "alive", timestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        lock(s3_server, "dead", pid=ended.pid)
        lock(s3_server, "reused")  # this process, which began long after the lock's time
        s3_server.client().put_object(Bucket="kept", Key=f"{LOCKS}/broken.json", Body=b'{"pid":')

        answer = lake.run("operator", "lotus", "state", "unlock", check=False)

        assert (answer.returncode, locks(s3_server)) == (1, {"far", "alive", "broken"})
        assert "taken on laptop-of-ann, which this command cannot inspect" in answer.stdout
        assert "started after the lock" in answer.stdout and "pulumi cancel --stack prod" in answer.stderr
        for name in locks(s3_server):
            s3_server.client().delete_object(Bucket="kept", Key=f"{LOCKS}/{name}.json")

    @pytest.mark.parametrize(
        ("pod", "gone"),
        [
            (None, True),
            ({"status": {"containerStatuses": [{"name": "pulumi", "state": {"running": {"startedAt": "2026-11-20T11:00:00Z"}}}]}}, True),  # noqa: E501
            ({"status": {"containerStatuses": [{"name": "pulumi", "state": {"running": {"startedAt": "2026-11-20T09:00:00Z"}}}]}}, False),  # noqa: E501
        ],
        ids=["no pod", "begun later", "runs since before"],
    )  # fmt: skip
    def test_the_operators_lock_goes_when_its_pod_is_no_more(
        self, lake: GuardedLake, s3_server: S3, pod: Any, gone: bool
    ):
        """The lock's host is the pod's name; a pod or container that is younger than the lock did not take it."""
        lock(s3_server, "pod", hostname="lotus-prod-workspace-0")
        freed, kept = unlock(as_operator(lake), lambda _: pod, pod_name="lotus-prod-workspace-0")
        assert (len(freed), len(kept)) == ((1, 0) if gone else (0, 1))
        s3_server.client().delete_object(Bucket="kept", Key=f"{LOCKS}/pod.json")
