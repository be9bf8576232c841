"""A machine that `tillbox setup` made a box: started as its files say, a till comes in over TLS."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.runtime.tls_contexts import client_context
from tests.brokers import find_free_port, mosquitto_program
from tests.whole_shop.demo_shop import eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(120),
    pytest.mark.skipif(mosquitto_program() is None, reason="Mosquitto is not installed"),
]

COMMAND = (sys.executable, "-m", "edge.cli")


def ended(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[tuple[Path, int]]:
    """The folder of a box that runs, and its port."""
    folder, port, plain = tmp_path / "etc", find_free_port(), find_free_port()
    made = ended(
        *("setup", "--store", "harbour-street", "--name", "localhost", "--without-units"),
        *("--folder", folder, "--state", tmp_path / "state", "--port", str(port)),
        *("--broker-port", str(find_free_port()), "--loopback-port", str(plain)),
    )
    assert made.returncode == 0, made.stderr
    devices = folder / "devices.toml"
    devices.write_text(devices.read_text().replace("find = true", "find = false"))
    broker = [mosquitto_program(), "-c", folder / "broker/mosquitto.conf"]
    programs = [broker, *([*COMMAND, name, "--config", folder / f"{name}.toml"] for name in
                          ("edge", "devices"))]  # fmt: skip
    async with AsyncExitStack() as stack:
        for number, words in enumerate(programs):
            log = stack.enter_context((tmp_path / f"{number}.log").open("wb"))
            process = subprocess.Popen([*map(str, words)], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield folder, port


async def test_a_till_is_let_in_and_the_hardware_host_is_there(box: tuple[Path, int]) -> None:
    folder, port = box
    trust = client_context(folder / "broker/shop-ca.pem")
    url = f"https://localhost:{port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:

        async def bus_is_well() -> dict[str, Any] | None:
            try:
                async with http.get(f"{url}/health") as response:
                    items = {item["name"]: item for item in (await response.json())["items"]}
            except aiohttp.ClientConnectionError:
                return None
            return items if items["bus"]["well"] else None

        items = await eventually(bus_is_well, what="the box is at its broker")
        assert items["ledger"]["well"]
        told = await asyncio.to_thread(
            ended, "edge", "--config", folder / "edge.toml", "enrol", "--till", "till-1"
        )
        assert told.returncode == 0, told.stderr
        code = told.stdout.partition("Code: ")[2].split()[0]
        headers = {"Origin": url}
        async with http.post(f"{url}/api/v1/enrol", json={"code": code}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["till"] == "till-1"
    seen = json.loads(
        (await asyncio.to_thread(ended, "doctor", "--json", "--folder", folder)).stdout
    )
    found = {each["what"]: each["state"] for each in seen}
    assert found["box: ledger"] == found["box: bus"] == found["web.pem"] == "well"
    assert found["box: reference"] == "ill", "nobody has given it articles yet"
    log = (folder.parent / "2.log").read_text()
    assert any(json.loads(line)["event"] == "bus_connected" for line in log.splitlines()), log


def test_a_second_setup_writes_nothing_over(tmp_path: Path) -> None:
    words = ("setup", "--store", "a", "--name", "localhost", "--folder", tmp_path / "etc")
    assert ended(*words).returncode == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = ended(*words)
    assert again.returncode == 2
    assert "nothing is written over" in again.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--store", "Harbour Street"), "a-z, 0-9"),
        (("--number", "0"), "--number 0"),
        (("--till", "a b"), "--till"),
        (("--office-url", "wss://office.example"), "go together"),
    ],
)
def test_what_cannot_be_is_refused_before_a_file_is_made(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    folder = tmp_path / "etc"
    done = ended("setup", "--store", "a", "--name", "localhost", "--folder", folder, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert not folder.exists()
