"""Does what functions ought not to do."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any


class RefusedError(Exception):
    """This function's own error."""


def handler(event: dict[str, Any], _context: Any) -> Any:
    print(f"told to {event['do']}")
    if event["do"] == "raise":
        raise RefusedError("no, thank you")
    if event["do"] == "leave":
        sys.exit(4)
    if event["do"] == "exit":
        os._exit(3)
    if event["do"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if event["do"] == "hang":
        threading.Event().wait()
    if event["do"] == "answer with a set":
        return {1, 2}
    return {"process": os.getpid()}
