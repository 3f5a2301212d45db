"""What makes the operator in a cluster apply the lake on every push: manifests as plain functions, and what uses them."""
