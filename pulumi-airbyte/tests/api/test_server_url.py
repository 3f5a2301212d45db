"""The URLs that people give, and what they mean."""

from __future__ import annotations

import pytest
from pulumi_airbyte.api import server_url


@pytest.mark.parametrize(
    "given",
    [
        "http://h:8000",
        "http://h:8000/",
        "http://h:8000/api",
        "http://h:8000/api/",
        "http://h:8000/api/v1",
        "http://h:8000/api/public/v1",
        "http://h:8000/api/public/v1/",
    ],
)
def test_every_form_means_the_same_server(given: str):
    """Issues 43, 154: which URL is it at all?"""
    url = server_url(given)

    assert (url.public, url.config) == ("http://h:8000/api/public/v1", "http://h:8000/api/v1")


def test_a_proxys_prefix_belongs_to_both_apis():
    """Airbyte behind https://data.example/airbyte."""
    url = server_url("https://data.example/airbyte/api/public/v1")

    assert (url.public, url.config) == (
        "https://data.example/airbyte/api/public/v1",
        "https://data.example/airbyte/api/v1",
    )


def test_cloud_has_its_config_api_elsewhere():
    """And its tokens beside the public one."""
    url = server_url("https://api.airbyte.com/v1")

    assert (url.config, url.token[0]) == (
        "https://cloud.airbyte.com/api/v1",
        "https://api.airbyte.com/v1/applications/token",
    )


def test_a_token_url_may_be_relative():
    """Airflow's connection says v1/applications/token."""
    assert server_url("http://h/api/public/v1", "applications/token").token == (
        "http://h/api/public/v1/applications/token",
    )


def test_something_else_is_refused_with_an_example():
    """A host alone is no URL."""
    with pytest.raises(ValueError, match="looks like"):
        server_url("localhost:8000")
