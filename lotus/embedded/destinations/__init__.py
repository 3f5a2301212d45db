"""See `lotus.embedded`."""
