"""Chromium of the machine, a box in memory, and a till page signed in at it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright
from pytest_asyncio import is_async_test

from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

SCREENS: Final = Path(__file__).parents[2] / "edge" / "screens"
CHROMIUM: Final = os.environ.get("TILLBOX_CHROMIUM") or shutil.which("chromium") or ""
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder share one loop, and with it one browser."""
    shared = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        here = Path(__file__).parent in item.path.parents
        if here and is_async_test(item) and item.get_closest_marker("whole_shop") is None:
            item.add_marker(shared, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers(playwright: Playwright) -> AsyncIterator[list[Browser]]:
    """The machine's own Chromium, once it was started; browsers are never downloaded."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    started: list[Browser] = []
    yield started
    for each in started:
        await each.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(playwright: Playwright, browsers: list[Browser]) -> AsyncIterator[Browser]:
    """A browser without a page: what a test leaves open is closed behind it."""
    if not browsers or not browsers[-1].is_connected():
        browsers.append(
            await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        )
    yield browsers[-1]
    for context in browsers[-1].contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def box() -> AsyncIterator[FakeBox]:
    box = FakeBox()
    await box.start()
    yield box
    await box.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def till(browser: Browser, box: FakeBox) -> AsyncIterator[TillPage]:
    """A till with Marta signed in, idle."""
    till = await TillPage.open(browser, box)
    yield till
    await till.page.context.close()
    assert till.defects == []


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development tools of the screens (tsc, axe-core), fetched once where they are missing."""
    there = SCREENS / "node_modules"
    if (there / "axe-core").is_dir() and (there / "typescript").is_dir():
        return there
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine (Debian: apt-get install npm)")
    place = tmp_path_factory.mktemp("tools")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SCREENS / name, place / name)
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, check=True
    )
    return place / "node_modules"
