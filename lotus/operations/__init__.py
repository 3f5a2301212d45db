"""What each verb does: one module per verb, plain functions that return data."""
