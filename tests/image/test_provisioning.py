"""The first boot's reading of `provision.json`, and the recipe's files, without a machine."""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edge import setting_up

IMAGE = Path(__file__).parents[2] / "image"
SCRIPT = IMAGE / "files/usr/lib/tillbox-image/provision.py"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
WISH: dict[str, Any] = {"store": "harbour-street", "names": ["box.example", "192.0.2.10"]}


@pytest.fixture(scope="module")
def provision() -> ModuleType:
    spec = importlib.util.spec_from_file_location("provision", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_it_says_are_words_that_setup_takes(provision: ModuleType, tmp_path: Path) -> None:
    wish = WISH | {
        "number": 7,
        "tills": ["till-1", "till-2"],
        "pepper": base64.b64encode(bytes(32)).decode(),
        "office": {"url": "wss://office.example", "key": "ab" * 32, "authority": PEM},
    }
    parser = argparse.ArgumentParser()
    setting_up.COMMAND.configure(parser)
    given = parser.parse_args(provision.setup_words(wish, tmp_path))
    assert (given.store, given.number, given.till) == ("harbour-street", 7, ["till-1", "till-2"])
    assert given.name == ["box.example", "192.0.2.10"]
    assert (given.office_url, given.office_key) == ("wss://office.example", "ab" * 32)
    assert given.office_ca.read_text() == PEM
    assert given.pepper.read_bytes() == bytes(32)
    assert given.pepper.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"stroe": "x"}, "stroe"),
        ({"store": ""}, "store"),
        ({"store": "--folder"}, "store"),
        ({"store": 7}, "store"),
        ({"names": []}, "names"),
        ({"names": "box.example"}, "names"),
        ({"names": [1]}, "names"),
        ({"names": ["--units"]}, "names"),
        ({"number": True}, "number"),
        ({"number": "1"}, "number"),
        ({"pepper": "?"}, "pepper"),
        ({"office": []}, "office"),
        ({"office": {"url": "wss://office.example"}}, "authority"),
    ],
)
def test_what_nobody_understands_is_named(
    provision: ModuleType, tmp_path: Path, changed: dict[str, Any], word: str
) -> None:
    with pytest.raises(provision.ProvisionError, match=word):
        provision.setup_words(WISH | changed, tmp_path)


def test_devices_become_tables_of_the_settings(provision: ModuleType) -> None:
    device = {
        "id": "scanner-1",
        "host": "box",
        "driver": "scanner_hid",
        "roles": ["scanner"],
        "till": "till-1",
        "settings": {"address": "input:usb/0627:0001", "aim": False, "idle_ms": 90},
    }
    second = {**device, "id": 'a "quoted" ü\\name'}
    text = provision.device_tables(WISH | {"devices": [device, second]})
    assert tomllib.loads("[web]\nport = 443\n" + text)["devices"] == [device, second]
    assert provision.device_tables(WISH) == ""
    with pytest.raises(provision.ProvisionError, match="devices"):
        provision.device_tables({"devices": ["scanner"]})


def test_the_example_of_the_guide_is_understood(provision: ModuleType, tmp_path: Path) -> None:
    guide = (IMAGE / "README.md").read_text("utf-8")
    (example,) = re.findall(r"^ {7}\{\n.*?^ {7}\}$", guide, re.MULTILINE | re.DOTALL)
    words = provision.setup_words(json.loads(example), tmp_path)
    assert words[:2] == ["--store", "harbour-street"]


SHELL = [
    IMAGE / "build.sh",
    IMAGE / "files/etc/initramfs-tools/hooks/tillbox",
    IMAGE / "files/etc/initramfs-tools/scripts/local-bottom/tillbox",
]


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_script_is_plain_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)


def test_the_first_ramdisk_can_run_its_scripts() -> None:
    for script in SHELL[1:]:
        assert script.stat().st_mode & 0o111


def test_the_recipe_names_no_mirror_and_no_secret() -> None:
    for path in IMAGE.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text("utf-8")
            assert not re.search(r"https?://", text), path
            assert "PRIVATE KEY" not in text, path
