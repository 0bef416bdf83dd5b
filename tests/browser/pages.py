"""How the tests find their way on the console's pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, Page


def open_execution(page: Page, arn: str, **query: Any) -> None:
    """Open an execution's page."""
    page.goto(f"/executions/{quote(arn, safe='')}?" + "&".join(f"{key}={value}" for key, value in query.items()))


def node(page: Page, name: str) -> Locator:
    """Find a state's button in the graph."""
    return page.locator("button[data-node]").filter(has=page.get_by_text(name, exact=True))


def panel_of(page: Page, name: str) -> Locator:
    """Find what is said of a state beside the graph."""
    return page.get_by_role("region", name=name, exact=True)
