"""What a command works on: the project, its stack, the stack's Airbyte, Pulumi's preview and git."""
