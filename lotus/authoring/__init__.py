"""Commands that create, show, check and format the user's files."""
