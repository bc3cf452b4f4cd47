"""The HTTP server under the embedded AWS: threads, loopback, connections that stay open."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
from http.server import ThreadingHTTPServer
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.wrappers import Response
from werkzeug.wsgi import LimitedStream

from local_aws import settings


class PortInUse(OSError):
    """Somebody else listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} on {settings.HOST} is in use. Stop what listens there, "
            "or choose another with --port (0 takes any free one)."
        )


class _Handler(MotoRequestHandler):
    """Serves one connection: keep-alive, which werkzeug's own handler does not do, and no log."""

    protocol_version = "HTTP/1.1"
    # Header and body go out in two writes; Nagle would hold the second one back for 40 ms.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"] = LimitedStream(self.rfile, length)
        response = Response.from_app(self.server.app, environ)
        if "Content-Length" not in response.headers:
            response.make_sequence()  # whose length is then known
        try:
            self._send(response, environ)
        finally:
            response.close()
        self._drain(environ["wsgi.input"])

    def _send(self, response: Response, environ: dict[str, Any]) -> None:
        self.send_response(response.status_code)
        for name, value in response.get_wsgi_headers(environ).to_wsgi_list():
            self.send_header(name, value)
        self.end_headers()
        for chunk in response.get_app_iter(environ):
            self.wfile.write(chunk)

    @staticmethod
    def _drain(body: Any) -> None:
        # What the application left unread would be taken for the next request.
        while body.read(1 << 20):
            pass

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: every run makes thousands of requests."""


class Server(ThreadingHTTPServer):
    """A WSGI server on a loopback port that can hang up on its clients.

    Args:
        port: The port; 0 takes a free one, see the attribute `port`.
        app: The WSGI application.

    Raises:
        PortInUse: The port is taken.
    """

    # Idle clients keep their connections, and with them their threads: nobody waits for those.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # What werkzeug's request handler asks its server for.
    ssl_context = None
    multithread = True
    multiprocess = False
    _server_version = "local-aws"

    def __init__(self, port: int, app: Any) -> None:
        self.app = app
        self._connections: set[socket.socket] = set()
        try:
            super().__init__((settings.HOST, port), _Handler)
        except OSError as error:
            raise PortInUse(port) from error
        self.port: int = self.server_address[1]

    def server_bind(self) -> None:
        # HTTPServer's own method looks the host's name up, which may leave this machine.
        socketserver.TCPServer.server_bind(self)

    def hang_up(self) -> None:
        """Close every connection that a client keeps open."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away in the middle is its own business.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
