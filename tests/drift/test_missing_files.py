"""Who likely deleted landed files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lotus.drift.missing_files import likely_author
from lotus.local.record import MINIO
from lotus.s3 import LandingBucket
from tests.support.s3 import ROOT, started_s3

pytestmark = pytest.mark.slow


def test_a_lifecycle_rule_is_named(tmp_path: Path) -> None:
    """versitygw has no such rules; MinIO and AWS have."""
    rule = {"ID": "a week", "Status": "Enabled", "Filter": {"Prefix": "raw/"}, "Expiration": {"Days": 7}}
    with started_s3(tmp_path / "s3", MINIO) as s3:
        keys = (ROOT["AWS_ACCESS_KEY_ID"], ROOT["AWS_SECRET_ACCESS_KEY"])
        bucket = LandingBucket("landing", f"http://{s3.endpoint}", "us-east-1", *keys)
        bucket.client.create_bucket(Bucket="landing")
        bucket.client.put_bucket_lifecycle_configuration(Bucket="landing", LifecycleConfiguration={"Rules": [rule]})
        assert likely_author(bucket, "raw/shop/orders") == 'the bucket\'s lifecycle rule "a week" (7 days)'
        assert likely_author(bucket, "other/shop/orders") == "somebody with keys to the bucket"
