"""A network that lets commands through and loses their answers."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, Route


async def lose_answers(page: Page, kind: str, count: int) -> list[dict[str, Any]]:
    """Let the box do what it is asked, and lose the first answers to commands of a kind.

    Returns every command of that kind that the page sends from now on.
    """
    bodies: list[dict[str, Any]] = []

    async def carry(route: Route) -> None:
        body = route.request.post_data_json or {}
        if body["type"] != kind:
            await route.continue_()
            return
        bodies.append(body)
        if len(bodies) > count:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    await page.route("**/commands", carry)
    return bodies
