"""Chromium of the machine, a box in memory, and a till page signed in at it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

SCREENS: Final = Path(__file__).parents[2] / "edge" / "screens"
CHROMIUM: Final = os.environ.get("TILLBOX_CHROMIUM") or shutil.which("chromium") or ""
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The machine's own Chromium; browsers are never downloaded."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        await started.close()


@pytest.fixture
async def box() -> AsyncIterator[FakeBox]:
    box = FakeBox()
    await box.start()
    yield box
    await box.stop()


@pytest.fixture
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
