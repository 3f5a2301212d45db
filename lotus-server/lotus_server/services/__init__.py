"""What the routes ask for: use cases over the store, the connectors and the jobs, the same for both APIs."""
