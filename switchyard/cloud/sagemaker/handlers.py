"""What answers one operation: given its request, which is valid by its shape, it returns the answer's members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any]], dict[str, Any]]
