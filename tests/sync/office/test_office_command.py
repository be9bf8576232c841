"""`tillbox office` as a person uses it: set up, serve, load a shop twice."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from edge.contract.errors import Refused, SettingsInvalid, TillboxError
from edge.contract.reference_data import Feed
from edge.runtime.keys import load_key
from edge.runtime.tls_contexts import server_context
from sync.office import main as office_main
from sync.office.main import COMMAND
from sync.office.shop_folder import ShopFolder
from tests.sync.office.head_office import new_key

DEMO = Path(office_main.__file__).parent / "demo_shop"
PASSWORD = "correct horse battery"


def tillbox(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def config(tmp_path: Path, free_port: int) -> Path:
    path = tmp_path / "office.toml"
    path.write_text(
        'data_dir = "data"\npepper_file = "pepper"\nsigning_key_file = "office.key"\n'
        f"[web]\nport = {free_port}\n"
    )
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return path


def _add_store(config: Path, key: str, **changed: str) -> int:
    given = {"store": "harbour-street", "number": "1", "name": "Harbour Street", **changed}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    return tillbox("--config", config, "add-store", *words, "--box-key", key)


def test_setting_up_twice_changes_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = config.parent
    for _ in range(2):
        assert tillbox("--config", config, "init") == 0
    kept = [folder / "office.key", folder / "pepper", folder / "data" / "retailer-ca.key"]
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600] * 3
    capsys.readouterr()
    assert tillbox("--config", config, "key") == 0
    assert capsys.readouterr().out.strip() == load_key(folder / "office.key").public.hex
    key = new_key().public.hex
    for words in ("registered.", "registered already."):
        assert _add_store(config, key) == 0
        assert capsys.readouterr().out.strip().endswith(words)
    assert _add_store(config, key, name="Harbour Street 12") == 0
    for words in ("is set.", "this password already."):
        assert (
            tillbox(
                *("--config", config, "add-user", "--user", "head"),
                *("--password-file", folder / "password"),
            )
            == 0
        )
        assert capsys.readouterr().out.strip().endswith(words)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"number": "2"}, "store_exists"),
        ({"store": "other"}, "store_exists"),
        ({"gen": "2"}, "store_has_box"),
        ({"store": "Not A Slug"}, "store_malformed"),
        ({"number": "0"}, "number_range"),
        ({"name": ""}, "name_length"),
    ],
)
def test_a_store_that_contradicts_another(config: Path, changed: dict[str, str], code: str) -> None:
    key = new_key().public.hex
    tillbox("--config", config, "init")
    _add_store(config, key)
    with pytest.raises(TillboxError) as caught:
        _add_store(config, key, **changed)
    assert caught.value.code == code
    with pytest.raises(TillboxError):
        _add_store(config, new_key().public.hex)
    with pytest.raises(TillboxError):
        _add_store(config, "no key")


def test_a_certificate_of_the_authority(config: Path, tmp_path: Path) -> None:
    tillbox("--config", config, "init")
    made = ("issue-certificate", "--name", "box", "--dns", "box.local", "--ip", "10.0.0.1")
    out = tmp_path / "certificates"
    assert tillbox("--config", config, *made, "--out", out) == 0
    server_context(out / "box.pem", out / "box.key")
    with pytest.raises(SettingsInvalid):
        tillbox("--config", config, *made, "--out", out)


def test_what_is_missing_is_said(config: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="settings"):
        tillbox("key")
    with pytest.raises(SettingsInvalid, match="init"):
        _add_store(config, new_key().public.hex)
    bad = ("--url", "http://office.example:1", "--user", "u", "--password-file")
    (tmp_path / "pepper").touch()
    with pytest.raises(SettingsInvalid, match="without TLS"):
        load_pepper_and_load(tmp_path, *bad, str(tmp_path / "password"))
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_pepper_and_load(tmp_path, *bad, str(tmp_path / "nothing"))
    (tmp_path / "empty").touch()
    with pytest.raises(SettingsInvalid, match="no password"):
        load_pepper_and_load(tmp_path, *bad, str(tmp_path / "empty"))


def load_pepper_and_load(folder: Path, *words: str) -> int:
    (folder / "pepper").unlink(missing_ok=True)
    (folder / "pepper").write_bytes(bytes(32))
    (folder / "pepper").chmod(0o600)
    return tillbox("load", DEMO, *words, "--pepper", folder / "pepper")


async def test_loading_the_demo_shop_twice(
    config: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = config.parent
    await asyncio.to_thread(tillbox, "--config", config, "init")
    await asyncio.to_thread(_add_store, config, new_key().public.hex)
    password = ("--password-file", str(folder / "password"))
    await asyncio.to_thread(tillbox, "--config", config, "add-user", "--user", "head", *password)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge.cli", "office", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        assert b'"ready"' in await process.stderr.readline()
        load = ("--url", f"http://127.0.0.1:{free_port}", "--user", "head", *password)
        told = []
        for _ in range(2):
            capsys.readouterr()
            status = await asyncio.to_thread(
                tillbox, "load", DEMO, *load, "--pepper", folder / "pepper"
            )
            assert status == 0
            told.append(capsys.readouterr().out.splitlines())
        (folder / "wrong").write_text("another password\n")
        with pytest.raises(Refused, match="User or password"):
            await asyncio.to_thread(
                tillbox,
                *("load", DEMO, *load[:4], "--password-file", folder / "wrong"),
                *("--pepper", folder / "pepper"),
            )
    finally:
        os.kill(process.pid, signal.SIGTERM)
        status = await process.wait()
    assert status == 0
    assert told[0] == [
        "config: 1 changed, 0 as they were.",
        "staff: 4 changed, 0 as they were.",
        "price: 330 changed, 0 as they were.",
        "promotion: 7 changed, 0 as they were.",
        "catalogue: 327 changed, 0 as they were.",
        "used_coupon: 0 changed, 0 as they were.",
        "coupon: 4 changed, 0 as they were.",
        "customer: 2 changed, 0 as they were.",
    ]
    assert [line.split(" changed")[0][-1] for line in told[1]] == ["0"] * 8


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("articles.csv", "9520000079192", "9520000079193", "line 2: the check digit"),
        ("articles.csv", "100002,", "100001,", "line 3: SKU 100001 stands above"),
        ("articles.csv", "9520000158385", "9520000079192", "line 3: 9520000079192 is already"),
        ("articles.csv", "9520000079192", "95", "line 2: '95' is no GTIN"),
        ("articles.csv", "piece,reduced", "piece,unheard", "line 2: the store has no tax"),
        ("articles.csv", "roll,piece", "roll,bag", "line 2: unit 'bag'"),
        ("articles.csv", "sku,name", "SKU,name", "line 1: the columns"),
        ("articles.csv", "100001,Bread", "100001,7,Bread", "line 2: 10 cells"),
        ("articles.csv", "100001,Bread", '100001,"Br"ead', "line 2:"),
        ("prices.csv", "100001,45", "100001,4.5", "line 2: '4.5' is no price"),
        ("prices.csv", "100001,45", "999999,45", "line 2: there is no article"),
        ("prices.csv", "100002,", "100001,", "line 3: 100001 has a price"),
        ("staff.json", "4711", "47a1", "person 1: a PIN"),
        ("staff.json", '"cashier"', '"king"', "person 1: role"),
        ("staff.json", "[", "{", "staff.json:"),
        ("store.json", "Europe/Lisbon", "Moon/Base", "time_zone"),
        ("store.json", '"slug"', '"slugs"', "store.json:"),
    ],
)
def test_faults_in_a_shop_folder_are_told_by_file_and_line(
    tmp_path: Path, name: str, old: str, new: str, fault: str
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(DEMO, folder)
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(Refused) as caught:
        ShopFolder(folder).read()
    assert fault in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(Refused, match="cannot be read"):
        ShopFolder(folder).read()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"100015"', '"1"', "article_rules.json: there is no article '1'"),
        ('"100147"', '"100015"', "article 2: SKU 100015 stands above already"),
        ('"minimum_age": 16', '"minimum_age": 100', "line 16: Expected `int` <= 99"),
        ('"minimum_age": 16', '"name": "Wine"', "article 1: name stands in articles.csv"),
        ('"minimum_age": 16', '"age": 16', "line 16: there is no field age"),
        ('"tracking": "lot"', '"tracking": "batch"', "Invalid enum value 'batch'"),
        ('"deposit": true', '"deposit": false', "the deposit '100323' of 100147 is no article"),
        (
            '"100323", "deposit": true',
            '"100323", "deposit": true, "deposit_sku": "100324"',
            "a deposit has no deposit_sku of its own",
        ),
        ('"sku": "100015"', '"sku": "100029", "deposit": true', "by the piece: the unit is piece"),
        (
            '"sku": "100015", "minimum_age": 16',
            '"sku": "100029", "open_price": true',
            "line 30: an open_price is typed by the piece",
        ),
        ("[", "{", "article_rules.json: Expected `array`"),
    ],
)
def test_rules_of_articles_are_checked_like_the_rest_and_need_not_be_there(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(DEMO, folder)
    file = folder / "article_rules.json"
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(Refused) as caught:
        ShopFolder(folder).read()
    assert fault in str(caught.value)
    file.unlink()
    ShopFolder(folder).read()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"buy_get"', '"gift"', "promotion 1: Invalid value 'gift'"),
        ("2026-01-01T00:00", "the new year", "promotion 4: Invalid isoformat"),
        ("T00:00", "T00:00+01:00", "promotion 4: from is a local time"),
        ('"id": "pita-3-for-2"', '"id": "Pita"', "promotion 1: Expected"),
        ("[", "{", "promotions.json: Expected `array`"),
    ],
)
def test_promotions_are_checked_like_the_rest_and_need_not_be_there(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(DEMO, folder)
    file = folder / "promotions.json"
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(Refused) as caught:
        ShopFolder(folder).read()
    assert fault in str(caught.value)
    file.unlink()
    (folder / "coupons.json").unlink()
    shop = ShopFolder(folder)
    shop.read()
    assert Feed.PROMOTION not in shop.items
    assert Feed.COUPON not in shop.items


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[", "{", "coupons.json: "),
        ('"single_use"', '"once"', "coupons.json: Object contains unknown field `once`"),
        ('"welcome"', '"wellcome"', "campaign 1: no promotion needs a coupon of 'wellcome'"),
        ("WELCOME-5M9Q", "WELCOME-2K7F", "campaign 1: the code WELCOME-2K7F stands above already"),
        ("WELCOME-5M9Q", "welcome", "campaign 1, code welcome: Expected `str` matching"),
        ("WELCOME-5M9Q", "A-4111111111111111", "looks like a card number"),
        ("2026-01-01T00:00", "soon", "campaign 2: Invalid isoformat"),
        ('"hours": {', '"hours": {"until_minute": -1,', "campaign 2, code 9900000000011: "),
    ],
)
def test_coupons_are_checked_like_the_rest(tmp_path: Path, old: str, new: str, fault: str) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(DEMO, folder)
    file = folder / "coupons.json"
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(Refused) as caught:
        ShopFolder(folder).read()
    assert fault in str(caught.value)


def test_every_code_of_a_campaign_is_an_item_of_its_own() -> None:
    shop = ShopFolder(DEMO)
    shop.read()
    items = {item.key: msgspec.json.decode(item.value) for item in shop.items[Feed.COUPON]}
    assert len(items) == 4
    assert items["WELCOME-2K7F"]["campaign"] == "welcome"
    assert items["WELCOME-2K7F"]["single_use"] is True
    assert items["9900000000011"]["hours"]["from_ms"] == 1_767_225_600_000


def test_hours_of_a_promotion_are_local_times_of_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(DEMO, folder)
    text = (folder / "promotions.json").read_text("utf-8")
    summer = text.replace("2026-01-01T00:00", "2026-07-01T00:00")
    (folder / "promotions.json").write_text(summer, "utf-8")
    shop = ShopFolder(folder)
    shop.read()
    (evening,) = [item for item in shop.items[Feed.PROMOTION] if item.key == "evening-bread"]
    hours = msgspec.json.decode(evening.value)["hours"]
    # Lisbon is an hour ahead of UTC in July
    assert hours["from_ms"] == 1_782_860_400_000


def _with_book(folder: Path, book: str) -> Path:
    shutil.copytree(DEMO, folder)
    text = (folder / "store.json").read_text("utf-8")
    profile = text.replace(
        '"cash_step_minor": 0,', f'"cash_step_minor": 0, "price_books": [{book}],'
    )
    (folder / "store.json").write_text(profile, "utf-8")
    return folder


def test_a_price_book_is_a_file_of_its_own_from_a_local_time_on(tmp_path: Path) -> None:
    winter = '{"id": "winter", "name": "Winter", "from": "2026-07-01T00:00"}'
    folder = _with_book(tmp_path / "shop", winter)
    with pytest.raises(Refused, match=r"prices-winter\.csv cannot be read"):
        ShopFolder(folder).read()
    (folder / "prices-winter.csv").write_text("sku,price_minor\n100001,50\n")
    shop = ShopFolder(folder)
    shop.read()
    (config,) = shop.items[Feed.CONFIG]
    assert msgspec.json.decode(config.value)["price_books"] == [
        {"id": "winter", "name": "Winter", "from_ms": 1_782_860_400_000}
    ]
    prices = {item.key: msgspec.json.decode(item.value) for item in shop.items[Feed.PRICE]}
    assert prices["winter/100001"]["price_minor"] == 50
    assert prices["100001"]["price_minor"] == 45


@pytest.mark.parametrize(
    ("book", "fault"),
    [
        ('{"id": "winter", "name": "Winter", "from": "soon"}', "price_books: Invalid isoformat"),
        ('{"id": "../winter", "name": "Winter", "from_ms": 1}', "store.json: Expected `str`"),
        ('{"id": "w", "name": "W", "from_ms": 1}, {"id": "w", "name": "V", "from_ms": 2}', "once"),
        ('"winter"', "store.json: Expected `object`"),
    ],
)
def test_faults_of_price_books_are_told(tmp_path: Path, book: str, fault: str) -> None:
    with pytest.raises(Refused) as caught:
        ShopFolder(_with_book(tmp_path / "shop", book)).read()
    assert fault in str(caught.value)
