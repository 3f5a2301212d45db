"""The state of a stack in its bucket: who may reach it, who holds its lock, and what it was before."""
