"""`bare_server.py MODEL`: uvicorn around numpy and a model's predict, and nothing else. Prints its port."""

from __future__ import annotations

import socket
import sys
from typing import Any

import joblib
import numpy as np
import uvicorn


def main() -> None:
    """Serve until the end."""
    model = joblib.load(sys.argv[1])

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        rows = np.array([line.split(b",") for line in body.splitlines()], dtype=np.float64)
        answer = "".join(f"{value}\n" for value in model.predict(rows).tolist()).encode()
        headers = [(b"content-type", b"text/csv"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, lifespan="off", access_log=False, log_config=None, http="httptools", ws="none")
    uvicorn.Server(config).run(sockets=[listening])


main()
