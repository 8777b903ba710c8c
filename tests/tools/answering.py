"""A server on this machine that load tools ask: its answers are slow by a known time.

It needs nothing but Python: what writes in `.venv-tools` imports it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

SLOW = {"v1": 0.02, "v2": 0.05}  # seconds that an arm waits at least
USERS, REQUESTS = 6, 20  # of locust: how many users, and how often each asks
EVERY = 10  # every tenth answer is an error


@contextmanager
def answering(arm: str) -> Generator[str]:
    """Answer on a free port of this machine while the block runs; yield the address."""
    numbers = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(SLOW[arm])
            self.send_response(500 if next(numbers) % EVERY == 0 else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of a client that has ended."""

    server = Quiet(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
