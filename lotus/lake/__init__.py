"""The live lake: syncs, what landed, and where a commit is on its way into Airbyte."""
