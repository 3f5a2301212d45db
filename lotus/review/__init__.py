"""What a branch does to Airbyte and to the data, for those who decide about it."""
