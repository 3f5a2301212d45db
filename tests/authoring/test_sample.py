"""`lotus sources sample`: records before anything lands."""

from __future__ import annotations

import pytest

from lotus.authoring.sample import sample
from lotus.errors import ConfigError, ToolError
from lotus.session.session import Session
from tests.support.lake import Lake

from .conftest import ShopServer

pytestmark = pytest.mark.slow


def test_the_first_records_of_a_stream_are_read_and_nothing_is_stored(lake: Lake, reachable: ShopServer):
    """As many as were asked for."""
    session = Session(lake.folder, "dev", reachable.environment)
    before = lake.files()

    records = sample(session, "shop", "orders", rows=2, say=lambda _line: None)

    assert len(records) == 2
    assert "id" in records[0]
    assert lake.files() == before
    assert reachable.names("sources") == []


def test_a_stream_that_the_source_does_not_have_is_named(lake: Lake, reachable: ShopServer):
    """With those that it has."""
    session = Session(lake.folder, "dev", reachable.environment)
    with pytest.raises(ToolError, match='no stream "nothing"') as error:
        sample(session, "shop", "nothing", rows=2, say=lambda _line: None)

    assert "orders" in str(error.value)


def test_a_sample_is_small(lake: Lake, reachable: ShopServer):
    """A thousand records are a look, more are a sync."""
    with pytest.raises(ConfigError, match="5000 rows cannot be sampled"):
        sample(Session(lake.folder, "dev", reachable.environment), "shop", "orders", rows=5000, say=print)
