"""What every destination has to do, as functions that fail with an AssertionError: modes, crash points, odd input.

For your own destination, with pytest:

    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    def test_conformance(case, tmp_path):
        case(Subject(make=lambda: Mine.configured({...}), rows=read_back), tmp_path)

Names of streams are new in every run, so a database may be used again. Cases for what is left behind, and for a check
that fails, need `staged` and `unusable`; without them they are skipped.
"""

from lotus_server.destinations.conformance import crashes, evolving, merging, places, staging, values
from lotus_server.destinations.conformance.subject import CASES, Case, Rows, Subject

__all__ = ["CASES", "Case", "Rows", "Subject", "crashes", "evolving", "merging", "places", "staging", "values"]
