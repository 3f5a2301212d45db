"""A shop on loopback behind a token, and the low-code manifest that reads it: pages of 50, incremental by date."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "shop-token-1234"
PAGE_SIZE = 50
ORDERS = [{"id": number, "updated_at": f"2024-01-{number % 28 + 1:02d}T00:00:00Z"} for number in range(1, 121)]

MANIFEST: dict[str, Any] = {
    "version": "6.61.6",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["orders"]},
    "streams": [
        {
            "type": "DeclarativeStream",
            "name": "orders",
            "primary_key": ["id"],
            "incremental_sync": {
                "type": "DatetimeBasedCursor",
                "cursor_field": "updated_at",
                "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
                "start_datetime": {
                    "type": "MinMaxDatetime",
                    "datetime": "{{ config['start_date'] }}",
                    "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
                },
                "start_time_option": {
                    "type": "RequestOption",
                    "inject_into": "request_parameter",
                    "field_name": "updated_since",
                },
            },
            "retriever": {
                "type": "SimpleRetriever",
                "requester": {
                    "type": "HttpRequester",
                    "url_base": "{{ config['base_url'] }}",
                    "path": "/orders",
                    "http_method": "GET",
                    "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['token'] }}"},
                    "error_handler": {
                        "type": "DefaultErrorHandler",
                        "response_filters": [
                            {
                                "type": "HttpResponseFilter",
                                "action": "FAIL",
                                "failure_type": "config_error",
                                "http_codes": [401],
                                "error_message": "The shop refuses the token.",
                            }
                        ],
                    },
                },
                "paginator": {
                    "type": "DefaultPaginator",
                    "page_token_option": {
                        "type": "RequestOption",
                        "inject_into": "request_parameter",
                        "field_name": "page",
                    },
                    "pagination_strategy": {
                        "type": "CursorPagination",
                        "page_size": PAGE_SIZE,
                        "cursor_value": "{{ response['next_page'] }}",
                        "stop_condition": "{{ response['next_page'] is none }}",
                    },
                },
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
                },
            },
            "schema_loader": {
                "type": "InlineSchemaLoader",
                "schema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer"},
                        "updated_at": {"type": ["null", "string"], "format": "date-time"},
                    },
                },
            },
        }
    ],
    "spec": {
        "type": "Spec",
        "connection_specification": {
            "type": "object",
            "required": ["base_url", "token"],
            "properties": {
                "base_url": {"type": "string"},
                "token": {"type": "string", "airbyte_secret": True},
                "start_date": {"type": "string"},
            },
        },
    },
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """One page of the orders since a date, or 401."""
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error": "who are you?"})
            return
        query = parse_qs(urlsplit(self.path).query)
        since, page = query.get("updated_since", [""])[0], int(query.get("page", ["1"])[0])
        orders = [order for order in ORDERS if str(order["updated_at"]) >= since]
        start = (page - 1) * PAGE_SIZE
        rest = orders[start + PAGE_SIZE :]
        self._reply(200, {"data": orders[start : start + PAGE_SIZE], "next_page": page + 1 if rest else None})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is enough."""

    def _reply(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def served() -> Generator[dict[str, Any]]:
    """The shop; gives the configuration that reads it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield {"base_url": url, "token": TOKEN, "start_date": "2020-01-01T00:00:00Z"}
    finally:
        server.shutdown()
        server.server_close()
