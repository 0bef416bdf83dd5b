"""Serve a model with the standard library's HTTP server: `python serve.py SOURCE MODEL`.

SOURCE holds inference.py. The first line printed is the port; it serves until it is ended.
"""

from __future__ import annotations

import importlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

source, model_folder = sys.argv[1:]
sys.path.insert(0, source)
inference = importlib.import_module("inference")
model = inference.model_fn(model_folder)


class Handler(BaseHTTPRequestHandler):
    """Answers POST, whatever the path."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            rows = inference.input_fn(body, self.headers["Content-Type"])
            answer, kind = inference.output_fn(inference.predict_fn(rows, model), self.headers["Accept"])
            status = 200
        except ValueError as error:
            status, answer, kind = 400, str(error), "text/plain; charset=utf-8"
        content = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print no line a request."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
