"""Catalogs, configurations, schedules, mappers and schema changes: rules without HTTP."""
