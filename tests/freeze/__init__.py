"""What lotus at commit bb0f71e answers, recorded once, and tests that compare today's code with it."""
