"""A real HTTP server on loopback that answers as badly as a test asks for, and notes what it was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.certificates import encrypted


@dataclass(frozen=True)
class Reply:
    """An ordinary HTTP answer."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str | None = "application/fhir+json"
    headers: Mapping[str, str] = field(default_factory=dict)


Raw = Callable[[socket.socket], None]
"""An answer that writes to the socket itself."""


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    at: float
    body: str = ""


@dataclass
class Server:
    url: str
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def misbehaving_server(
    replies: Mapping[str, list[Reply | Raw] | Callable[[str], Reply | Raw]],
    *,
    encryption: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """Serve ``path without query -> replies``: one reply a request, the last one again and again.

    A function is given the path with its query. The lists are used up, and replies may be added while the
    server runs.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together, so that no answer waits for an acknowledgement

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            with lock:
                request = Request(self.path, dict(self.headers.items()), time.monotonic(), body)
                server.requests.append(request)
                waiting = replies.get(self.path.partition("?")[0], [Reply(404)])
                if not isinstance(waiting, list):
                    waiting = [waiting(self.path)]
                reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(reply, Reply):
                self.answer(reply)
            else:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    reply(self.connection)

        def answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            if reply.content_type is not None:
                self.send_header("Content-Type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(reply.body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    listener = Listener(("127.0.0.1", 0), Handler)
    scheme = "http" if encryption is None else "https"
    if encryption is not None:
        listener.socket = encrypted(listener.socket, encryption)
    server = Server(f"{scheme}://127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def head(content_length: int | None = None, *lines: str) -> bytes:
    """The head of a good answer, by hand."""
    length = [] if content_length is None else [f"Content-Length: {content_length}"]
    return "\r\n".join(
        ["HTTP/1.1 200 OK", "Content-Type: application/fhir+json", *length, *lines, "", ""]
    ).encode()


def truncated(wire: socket.socket) -> None:
    wire.sendall(head(1000) + b'{"resourceType": "Bundle", "type": "searchset"}')


def reset(wire: socket.socket) -> None:
    # Closing with a linger time of nought sends a reset instead of an orderly end.
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def silent(wire: socket.socket) -> None:
    """Nothing until the other side hangs up."""
    wire.settimeout(20)
    while wire.recv(1024):
        pass


def trickling_head(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(400):
        wire.sendall(b"x")
        time.sleep(0.05)


def trickling_body(wire: socket.socket) -> None:
    wire.sendall(head(1_000_000))
    for _ in range(400):
        wire.sendall(b" ")
        time.sleep(0.05)


def endless_body(wire: socket.socket) -> None:
    wire.sendall(head(None, "Connection: close"))
    for _ in range(100_000):
        wire.sendall(b" " * 65536)


def not_http(wire: socket.socket) -> None:
    wire.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def many_headers(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n")
