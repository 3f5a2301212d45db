"""The resources as a Pulumi program declares them: types and names, no behaviour."""
