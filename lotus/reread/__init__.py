"""Reading one stream of a connection again: the request, its journal beside the state, what it does to the data."""
