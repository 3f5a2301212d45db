"""The public API, served below ``/api/public/v1`` and ``/v1``."""
