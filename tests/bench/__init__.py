"""`make bench`: what docs/benchmarks.md says, measured again on this machine."""
