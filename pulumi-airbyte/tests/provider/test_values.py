"""Property values to and from the wire."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi_airbyte.provider.values import Values, dotted, from_wire, to_wire

leaf = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
json_values = st.recursive(
    leaf, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3)
)


@given(st.dictionaries(st.text(min_size=1), json_values.filter(lambda value: value is not None), max_size=4))
def test_what_goes_out_comes_back(data: dict[str, Any]):
    """Whole numbers stay whole, and nothing else changes."""
    assert from_wire(to_wire(Values(data))).data == data


def test_secrets_keep_their_places():
    """Wherever they are, and whole parts too."""
    values = Values({"a": {"b": ["x", {"c": "s"}]}, "d": {"e": 1}}, frozenset({("a", "b", 1, "c"), ("d",)}))

    assert from_wire(to_wire(values)) == values


def test_a_whole_number_arrives_as_one():
    """gRPC has floats only, and a connector refuses 10.0 where it wants an integer."""
    struct = struct_pb2.Struct()
    struct.update({"count": 10})

    assert isinstance(from_wire(struct).data["count"], int)


def test_paths_are_written_as_pulumi_does():
    """So that its display finds the place."""
    assert dotted(("configurations", "streams", 0, "a.b", "c")) == 'configurations.streams[0]["a.b"].c'
