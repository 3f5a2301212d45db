"""Where a server's two APIs and its token endpoint are, from the one URL that a person gives."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

CLOUD = "https://api.airbyte.com/v1"
CLOUD_CONFIG = "https://cloud.airbyte.com/api/v1"
"""Cloud's config API is on another host than its public one."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class ServerUrl:
    """The roots of a server's APIs, without a trailing slash."""

    public: str
    config: str
    token: tuple[str, ...]
    """Where the token endpoint may be, the likeliest first: versions and proxies differ."""

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine, so that no proxy is in between."""
        return urlsplit(self.public).hostname in _LOOPBACK


def server_url(url: str, token_url: str | None = None) -> ServerUrl:
    """The roots behind any of the forms in use: host only, `/api/`, `/api/v1`, `/api/public/v1/`, Cloud's.

    Raises:
        ValueError: it is not an http(s) URL.

    Example:
        >>> server_url("http://localhost:8000").public
        'http://localhost:8000/api/public/v1'
        >>> server_url("https://api.airbyte.com/v1").config
        'https://cloud.airbyte.com/api/v1'
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{url}" is not the URL of an Airbyte server; it looks like {CLOUD} or http://localhost:8000')
    path = parts.path.rstrip("/")

    def at(new_path: str) -> str:
        return urlunsplit((parts.scheme, parts.netloc, new_path, "", ""))

    if parts.hostname == "api.airbyte.com":
        public, config = at(path or "/v1"), CLOUD_CONFIG
    else:
        # What stands before `/api` is a reverse proxy's prefix and belongs to both.
        prefix = path.split("/api", 1)[0] if "/api" in path else path.removesuffix("/v1")
        public = at(f"{prefix}/v1" if path.endswith("/v1") and "/api" not in path else f"{prefix}/api/public/v1")
        config = at(f"{prefix}/api/v1")
    if token_url:
        return ServerUrl(public, config, (urljoin(public + "/", token_url),))
    # OSS has it below both APIs; SDKs that resolve "/applications/token" against the host look at the root.
    places = [f"{public}/applications/token", f"{config}/applications/token", at("/applications/token")]
    return ServerUrl(public, config, tuple(dict.fromkeys(places)))
