"""The tables against libxkbcommon and xkeyboard-config, which know keyboards from elsewhere."""
# ruff: noqa: RUF001 - the acute accents are meant

from __future__ import annotations

import ctypes
import string
from collections.abc import Callable

import pytest

from devices.protocols.keyboard_layouts import LAYOUTS, Layout

CODES = (*range(2, 14), *range(16, 28), *range(30, 42), 43, *range(44, 54), 57, 86)
EVDEV_TO_XKB = 8
XKB_LEVELS = {(False, False): 0, (True, False): 1, (False, True): 2, (True, True): 3}
DEAD = {"dead_grave": "`", "dead_circumflex": "^", "dead_tilde": "~"}

NOT_AS_WINDOWS = {
    Layout.US: {(86, False, False), (86, True, False)},  # X has < and > there
    Layout.PL: {(86, False, False), (86, True, False)},
}
"""Where the two are known to differ in what they write of ASCII."""

NATIONAL = {
    Layout.DE: "äöüÄÖÜß§°€µ²³´",
    Layout.FR: "éèçàùâêîôûëïÿ²°£¤§µ€¨",
    Layout.ES: "ñÑçÇáéíóúüº ª·¡¿€¬´¨",
    Layout.IT: "èéòàùìç°§£€",
    Layout.GB: "£¬¦€éúíóáÉÚÍÓÁ",
    Layout.PL: "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ€",
}


class Names(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")
    ]


@pytest.fixture(scope="module")
def written_by_xkb() -> Callable[[str, int, int], str]:
    """(layout, Linux key code, level) -> what it writes, dead keys as what they look like."""
    try:
        xkb = ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        pytest.skip("libxkbcommon is not installed: apt install libxkbcommon0 xkb-data")
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    xkb.xkb_context_new.restype = pointer
    xkb.xkb_keymap_new_from_names.restype = pointer
    xkb.xkb_keymap_new_from_names.argtypes = [pointer, pointer, ctypes.c_int]
    xkb.xkb_keymap_key_get_syms_by_level.argtypes = [pointer, *[number] * 3, pointer]
    xkb.xkb_keymap_num_levels_for_key.argtypes = [pointer, number, number]
    context = xkb.xkb_context_new(0)
    keymaps: dict[str, int] = {}

    def written(layout: str, code: int, level: int) -> str:
        if layout not in keymaps:
            names = Names(b"evdev", b"pc105", layout.encode(), b"", b"")
            keymap = xkb.xkb_keymap_new_from_names(context, ctypes.byref(names), 0)
            if not keymap:
                pytest.skip("xkeyboard-config is not installed: apt install xkb-data")
            keymaps[layout] = keymap
        keymap, key = keymaps[layout], code + EVDEV_TO_XKB
        if level >= xkb.xkb_keymap_num_levels_for_key(keymap, key, 0):
            return ""
        symbols = ctypes.POINTER(number)()
        if not xkb.xkb_keymap_key_get_syms_by_level(keymap, key, 0, level, ctypes.byref(symbols)):
            return ""
        name = ctypes.create_string_buffer(64)
        xkb.xkb_keysym_get_name(symbols[0], name, 64)
        sign = xkb.xkb_keysym_to_utf32(symbols[0])
        return chr(sign) if sign else DEAD.get(name.value.decode(), "")

    return written


@pytest.mark.parametrize("layout", Layout)
def test_ascii_is_where_x_has_it(
    layout: Layout, written_by_xkb: Callable[[str, int, int], str]
) -> None:
    compared = 0
    for (code, shift, altgr), stroke in LAYOUTS[layout].strokes.items():
        known = (code, shift, altgr) in NOT_AS_WINDOWS.get(layout, ())
        if stroke.sign.isascii() and stroke.sign != " " and not known:
            found = written_by_xkb(layout, code, XKB_LEVELS[shift, altgr])
            assert found == stroke.sign, (code, shift, altgr)
            compared += 1
    assert compared >= 92


@pytest.mark.parametrize("layout", Layout)
def test_every_key_of_the_main_block_writes_something(layout: Layout) -> None:
    plain = {code for code, shift, altgr in LAYOUTS[layout].strokes if not shift and not altgr}
    assert plain == set(CODES)


@pytest.mark.parametrize(
    ("layout", "missing"),
    [(Layout.IT, "`~")],  # Italian keyboards have neither
)
def test_what_a_layout_cannot_write(layout: Layout, missing: str) -> None:
    signs = {stroke.sign for stroke in LAYOUTS[layout].strokes.values()}
    assert set(string.printable[:95]) - signs == set(missing)


@pytest.mark.parametrize("layout", set(Layout) - {Layout.IT})
def test_the_others_write_all_of_ascii(layout: Layout) -> None:
    signs = {stroke.sign for stroke in LAYOUTS[layout].strokes.values()}
    assert set(string.printable[:95]) <= signs


@pytest.mark.parametrize(("layout", "letters"), NATIONAL.items())
def test_national_letters_are_there(layout: Layout, letters: str) -> None:
    board = LAYOUTS[layout]
    signs = {stroke.sign for stroke in board.strokes.values()} | set(board.compositions.values())
    assert set(letters) <= signs


@pytest.mark.parametrize(
    ("layout", "code", "shift", "caps", "sign"),
    [
        (Layout.US, 30, False, True, "A"),
        (Layout.US, 30, True, True, "a"),
        (Layout.US, 2, False, True, "1"),
        (Layout.DE, 2, False, True, "!"),  # German Windows: Caps Lock reaches the digits
        (Layout.DE, 26, False, True, "Ü"),
        (Layout.DE, 53, False, True, "-"),
        (Layout.FR, 2, False, True, "1"),
        (Layout.FR, 86, False, True, "<"),
        (Layout.ES, 39, False, True, "Ñ"),
        (Layout.ES, 2, False, True, "1"),
        (Layout.IT, 26, False, True, "è"),  # whose Shift is é, not È
    ],
)
def test_caps_lock_reaches_what_it_reaches_on_windows(
    layout: Layout, code: int, shift: bool, caps: bool, sign: str
) -> None:
    stroke = LAYOUTS[layout].stroke(code, shift=shift, altgr=False, caps=caps)
    assert stroke is not None
    assert stroke.sign == sign


def test_caps_lock_changes_nothing_with_altgr() -> None:
    for caps in (False, True):
        stroke = LAYOUTS[Layout.PL].stroke(30, shift=False, altgr=True, caps=caps)
        assert stroke is not None
        assert stroke.sign == "ą"
