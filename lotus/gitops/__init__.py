"""What makes the operator in a cluster apply the lake on every push: manifests, and what uses them."""
