"""What lies below `data/` is compared with, and no test of this repository."""

collect_ignore = ["data"]
