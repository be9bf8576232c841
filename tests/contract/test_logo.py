"""A logo has the size that a roll has room for, and is base64 on the way."""

from __future__ import annotations

import msgspec
import pytest

from edge.contract.reference_data import Logo


def test_a_logo_comes_back_as_it_was_sent() -> None:
    logo = Logo(9, bytes((0x80, 0x80, 0x00, 0x00)))
    sent = msgspec.json.encode(logo)
    assert sent == b'{"width_dots":9,"rows":"gIAAAA=="}'
    assert msgspec.json.decode(sent, type=Logo) == logo
    assert logo.row_bytes == 2


@pytest.mark.parametrize(("width", "size"), [(0, 1), (385, 49), (8, 0), (8, 241), (9, 3), (-8, 1)])
def test_other_sizes_are_refused(width: int, size: int) -> None:
    with pytest.raises(ValueError, match="a logo"):
        Logo(width, bytes(size))
    text = msgspec.json.encode({"width_dots": width, "rows": bytes(size)})
    with pytest.raises(msgspec.ValidationError, match="a logo"):
        msgspec.json.decode(text, type=Logo)


@pytest.mark.parametrize(("width", "size"), [(1, 1), (384, 48 * 240), (8, 240)])
def test_the_largest_and_the_smallest_are_taken(width: int, size: int) -> None:
    assert len(Logo(width, bytes(size)).rows) == size
