"""The demo's shop: a small REST API on loopback, with what makes real ones hard.

It wants a token, gives pages, filters by `updated_since`, and answers 429 with `Retry-After` to clients that are too
fast. Its data is made from a fixed seed: the same rows on every machine, and nothing is stored.

    python -m lotus.local.shop --port 8099 --token secret
    curl -H "Authorization: Bearer secret" "http://127.0.0.1:8099/orders?page=1&page_size=50"
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SEED = 20250101
CUSTOMERS, PRODUCTS, ORDERS, SUPPLIERS = 120, 40, 480, 12
MAX_PAGE_SIZE = 100
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class Shop:
    """The four tables, made once from the seed; every table is in order of `updated_at`, then `id`."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - demo data, not a secret
        customers = [self._customer(i) for i in range(1, CUSTOMERS + 1)]
        products = [self._product(i) for i in range(1, PRODUCTS + 1)]
        orders = [self._order(i, customers, products) for i in range(1, ORDERS + 1)]
        suppliers = [self._supplier(i) for i in range(1, SUPPLIERS + 1)]
        tables = {"customers": customers, "orders": orders, "products": products, "suppliers": suppliers}
        self.tables: Mapping[str, Sequence[dict[str, Any]]] = {
            name: sorted(rows, key=lambda row: (row["updated_at"], row["id"])) for name, rows in tables.items()
        }

    def page(self, table: str, *, since: datetime | None, page: int, page_size: int) -> dict[str, Any]:
        """One page of the rows that changed after a moment, and the number of the next page (null on the last)."""
        rows = self.tables[table]
        if since is not None:
            rows = [row for row in rows if datetime.fromisoformat(row["updated_at"]) > since]
        start = (page - 1) * page_size
        more = start + page_size < len(rows)
        return {"data": rows[start : start + page_size], "next_page": page + 1 if more else None, "total": len(rows)}

    def _times(self, spread_days: int = 270) -> tuple[str, str]:
        created = _EPOCH + timedelta(seconds=self._random.randrange(spread_days * 86400))
        updated = created + timedelta(seconds=self._random.randrange(20 * 86400))
        return _text(created), _text(updated)

    def _customer(self, number: int) -> dict[str, Any]:
        created, updated = self._times()
        first = self._random.choice(["Ada", "Boris", "Chen", "Dana", "Emil", "Fatma", "Grete", "Hugo", "Ines", "Jun"])
        last = self._random.choice(["Abel", "Brandt", "Costa", "Demir", "Eriksen", "Fuchs", "Garcia", "Hoang"])
        return {
            "id": number,
            "email": f"{first}.{last}.{number}@example.com".lower(),
            "first_name": first,
            "last_name": last,
            "address": {"city": self._random.choice(["Berlin", "Lyon", "Oslo", "Porto"]), "zip": f"{10000 + number}"},
            "marketing": self._random.random() < 0.4,
            "created_at": created,
            "updated_at": updated,
        }

    def _product(self, number: int) -> dict[str, Any]:
        created, updated = self._times(60)
        colour = self._random.choice(["red", "green", "blue", "white"])
        thing = self._random.choice(["mug", "shirt", "lamp", "chair", "kettle"])
        return {
            "id": number,
            "sku": f"{thing[:2]}{number:04d}".upper(),
            "title": f"{colour} {thing}",
            "price": round(self._random.uniform(3, 180), 2),
            "tags": [colour, thing],
            "created_at": created,
            "updated_at": updated,
        }

    def _order(
        self, number: int, customers: Sequence[Mapping[str, Any]], products: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        created, updated = self._times()
        chosen = self._random.sample(list(products), self._random.randint(1, 4))
        lines = [{"product_id": p["id"], "quantity": self._random.randint(1, 5), "price": p["price"]} for p in chosen]
        return {
            "id": number,
            "customer_id": self._random.choice(list(customers))["id"],
            "status": self._random.choice(["open", "paid", "sent", "returned"]),
            "currency": "EUR",
            "total": round(sum(line["quantity"] * line["price"] for line in lines), 2),
            "lines": lines,
            "note": None if self._random.random() < 0.8 else "leave it at the door",
            "created_at": created,
            "updated_at": updated,
        }

    def _supplier(self, number: int) -> dict[str, Any]:
        created, updated = self._times(60)
        return {
            "id": number,
            "name": f"{self._random.choice(['North', 'Harbour', 'Old Mill', 'Bright'])} {number:02d} Ltd",
            "country": self._random.choice(["DE", "FR", "NO", "PT"]),
            "lead_days": self._random.randint(1, 30),
            "created_at": created,
            "updated_at": updated,
        }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class RateLimit:
    """A bucket of `burst` requests that fills up at `per_second`."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Seconds to wait before the next request is welcome; 0 takes one from the bucket."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left >= 1:
                self._left -= 1
                return 0.0
            return (1 - self._left) / self._per_second


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DemoServer  # pyright: ignore[reportIncompatibleVariableOverride] - the only server that has this handler

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self._respond(HTTPStatus.OK, {"status": "ok"})
            return
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._respond(HTTPStatus.UNAUTHORIZED, {"error": "wrong or missing token"})
            return
        wait = self.server.limit.wait()
        if wait:
            # Retry-After counts whole seconds, so that a client which obeys is never refused twice.
            headers = {"Retry-After": str(int(wait) + 1)}
            self._respond(HTTPStatus.TOO_MANY_REQUESTS, {"error": "too many requests"}, headers)
            return
        table = url.path.strip("/")
        if table not in self.server.shop.tables:
            self._respond(HTTPStatus.NOT_FOUND, {"error": f"no such table: {table}"})
            return
        try:
            query = _query(parse_qs(url.query))
        except ValueError as error:
            self._respond(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self._respond(HTTPStatus.OK, self.server.shop.page(table, **query))

    def _respond(self, status: HTTPStatus, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        if self.server.verbose:
            super().log_message(format, *args)


def _query(query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    unknown = set(query) - {"page", "page_size", "updated_since"}
    if unknown:
        raise ValueError(f"unknown parameter: {', '.join(sorted(unknown))}")
    page, page_size = int(query.get("page", ["1"])[0]), int(query.get("page_size", ["50"])[0])
    if page < 1 or not 1 <= page_size <= MAX_PAGE_SIZE:
        raise ValueError(f"page is at least 1, page_size 1 to {MAX_PAGE_SIZE}")
    since = query.get("updated_since", [None])[0]
    moment = datetime.fromisoformat(since) if since else None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return {"page": page, "page_size": page_size, "since": moment}


class DemoServer(ThreadingHTTPServer):
    """The API on loopback. Port 0 takes a free one; `url` says which."""

    daemon_threads = True

    def __init__(self, port: int, token: str, *, burst: int = 4, per_second: float = 8, verbose: bool = False) -> None:
        self.token = token
        self.shop = Shop()
        self.limit = RateLimit(burst, per_second)
        self.verbose = verbose
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until killed; returns 3 when the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m lotus.local.shop", description="The demo's shop API, on loopback only."
    )
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument(
        "--token", default=None, help="what clients must send; absent: LOTUS_DEMO_TOKEN (keeps it out of process lists)"
    )
    parser.add_argument("--owner", help="whose it is: shown in process lists, so that `lotus dev down` finds its own")
    parser.add_argument("--verbose", action="store_true", help="one line for each request on stderr")
    options = parser.parse_args(arguments)
    token = options.token or os.environ.get("LOTUS_DEMO_TOKEN", "")
    if not token:
        parser.error("a token is needed: --token, or LOTUS_DEMO_TOKEN")
    try:
        server = DemoServer(options.port, token, verbose=options.verbose)
    except OSError as error:
        print(
            f"the demo's shop cannot listen on 127.0.0.1:{options.port}: {error.strerror}\n"
            "  fix:   stop what uses the port, or choose another with --port",
            file=sys.stderr,
        )
        return 3
    print(f"shop at {server.url}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
