"""The dev stack on this machine: its record, its processes, the demo's shop."""
