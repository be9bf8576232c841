from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.contract.reference_data import Logo
from edge.runtime.logo_picture import logo_png


@given(st.integers(1, 40), st.integers(1, 12), st.data())
def test_every_dot_is_where_it_was(width: int, height: int, data: st.DataObject) -> None:
    size = -(-width // 8) * height
    logo = Logo(width, data.draw(st.binary(min_size=size, max_size=size)))
    picture = Image.open(io.BytesIO(logo_png(logo)))
    assert (picture.size, picture.format, picture.mode) == ((width, height), "PNG", "1")
    for y in range(height):
        for x in range(width):
            byte = logo.rows[y * logo.row_bytes + x // 8]
            black = bool(byte & (0x80 >> x % 8))
            assert (picture.getpixel((x, y)) == 0) is black
