"""See `lotus.embedded`."""

from lotus_server.destinations.conformance import CASES, Case, Rows, Subject

__all__ = ["CASES", "Case", "Rows", "Subject"]
