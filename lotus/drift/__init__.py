"""What differs from the files: in the state, in Airbyte, in the sources, in the bucket; and accepting it."""
