"""`tillbox receipt verify`: an auditor's check, with public keys and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from edge.cli import main
from edge.contract.receipt_code import LeftOut, ReceiptCode, code_text, pack_code, signed_bytes
from edge.runtime.keys import SigningKey
from tests.golden.signed_receipt import CODE, TIPPED

BOX = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def signed(code: ReceiptCode = CODE, key: SigningKey = BOX) -> str:
    body = pack_code(code)
    return code_text(key.sign(signed_bytes(body)), body)


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.txt"
    path.write_text(f"# the boxes of 2026\n\n{OTHER.public.hex} quay\n{BOX.public.hex} # market\n")
    return str(path)


def test_a_signed_sale_is_printed(keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipt", "verify", signed(), "--key", keys]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Signed by {BOX.public.fingerprint} ({BOX.public.hex}).",
        "Receipt till-1-004711 of store 12, 2026-11-18 11:06:40 UTC",
        f"Sale {CODE.sale_id}; event 123456 of generation 2, hash 0011223344556677...",
        "    1  100              x 2                  2.58  B",
        "    3  0042             x 0.742\u00a0kg           2.14  A",
        "    4  4011200          x 1                 12.64  B",
        "Total 17.36 EUR",
        "  tax A 0 %: net 2.14, tax 0.00",
        "  tax B 7 %: net 14.22, tax 1.00",
        "  cash 20.00",
        "  change 2.65",
        "  rounding -0.01",
    ]


def test_a_tip_stands_below_the_total(keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipt", "verify", signed(TIPPED), "--key", keys]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[6:8] == ["Total 17.36 EUR", "Tip 2.64 EUR"]


def test_a_sale_whose_lines_had_no_room_says_so(
    keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = replace(
        CODE, lines=(), left_out=LeftOut(40, bytes(32)), change_minor=0, rounding_minor=0
    )
    assert main(["receipt", "verify", signed(code), "--key", keys]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == f"  40 lines had no room; their SHA-256 is {'00' * 32}"
    assert lines[-1] == "  cash 20.00"


def test_programs_get_json_and_a_pipe_will_do(
    keys: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{signed()}\r\n"))
    assert main(["receipt", "verify", "-", "--key", keys, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["signed_by"], found["total_minor"]) == (BOX.public.hex, 1_736)
    assert found["lines"][1] == {
        "line": "3", "sku": "0042", "quantity": 742, "unit": "kg", "amount_minor": 214, "tax": "A",
    }  # fmt: skip


def test_a_stranger_signed_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = tmp_path / "one.txt"
    only.write_text(OTHER.public.hex)
    assert main(["receipt", "verify", signed(), "--key", str(only)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "proves nothing" in said.err
    assert main(["receipt", "verify", signed(), "--key", str(only), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["signed_by"] == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"# none\n", "no public key"), (b"\n12 ab\n", "Line 2"), (b"\xff", "cannot be read")],
)
def test_a_key_file_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(content)
    assert main(["receipt", "verify", signed(), "--key", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_what_is_no_signed_code_has_a_status_of_its_own(
    keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("TILLBOX1|till-1-000001|sale-1|129|EUR", signed()[:-1], ""):
        assert main(["receipt", "verify", text, "--key", keys]) == 2
        assert "not read whole" in capsys.readouterr().err
    assert main(["receipt", "verify", signed(), "--key", "/nowhere"]) == 2
