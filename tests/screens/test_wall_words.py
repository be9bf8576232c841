"""Every code that the device wall can get has words in its catalogue: collected from the code.

What the catalogue has is in six languages (`test_technician_catalogue`). Here is held that it has
everything, and nothing that nobody says any more.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.contract.device_messages import JobKind, JobStatus
from edge.contract.device_states import DriverState
from tests.screens.conftest import SCREENS
from tests.screens.test_technician_catalogue import PARTS, WALL, catalogue

ROOT: Final = SCREENS.parents[1]
ENTRANCES: Final = (
    "edge.web.technician_api", "edge.web.support_api", "edge.web.wall_socket", "edge.web.caller",
    "edge.runtime.http_guard", "edge.runtime.http_errors", "edge.ledger.event_log",
    "edge.contract.wire",
)  # fmt: skip
"""What answers the wall's page: from here refusals are collected, through all that they import."""
ANOTHER_ROOM: Final = {
    "edge.flows.till": "what tills do: the wall takes their locks and asks them nothing",
    "edge.flows.card_desk": "the wall reads from it what was settled",
    "edge.flows.box_health": "asked how it is; it refuses nothing",
    "edge.flows.link_state": "the same",
    "edge.engine.cart": "the words of sales",
    "edge.engine.originals": "of returns",
    "edge.engine.state_refusals": "of sales",
}
NOT_OF_THE_WALL: Final = {
    "approver_is_self": "a second person's PIN, asked for at tills",
    "approver_may_not": "the same",
    "terminal_ends_day": "said to a till that wants a card",
    "sale_id_reused": "a sale's",
    "no_sale_open": "a sale's",
}
DEVICE_ROOMS: Final = (
    "devices/job_router", "devices/host/device_recordings.py", "devices/host/device_host.py",
    "devices/host/running_device.py", "devices/recordings/recording_folder.py",
    "devices/lined_drawer.py", "devices/drawer_answers.py", "devices/driver.py",
    "devices/protocols/escpos_trouble.py",
    "devices/protocols/star_*.py", "devices/drivers/printer_*", "devices/drivers/drawer_serial.py",
    "devices/transports/tcp_stream.py", "devices/transports/usb_printer.py",
    "devices/transports/asyncio_stream.py",
)  # fmt: skip
"""What answers tests, recordings and the drawer: hosts, and the printers and drawers themselves."""
RAISED: Final = frozenset({
    "JobError", "JobInvalid", "Trouble", "DeviceUnreachable", "DeviceNeedsPerson", "failed",
    "unknown", "_refuse", "_fail", "_broken_off", "_lost", "error",
})  # fmt: skip
NO_ANSWER: Final = {
    "abort_under_way": "of payments", "nothing_to_abort": "of payments",
    "never_begun": "of payments", "refused_by_inquiry": "of payments",
    "no_pole_display": "of displays", "waiting": "an outcome, and no code",
    "job_defect": "a line of a log", "device_task_stuck": "a line of a log",
    "device_settings_invalid": "told as `unfit` of the host", "letters_missing": "a line of a log",
    "no_recording": "of a command", "recording_unreadable": "of a command",
    "recording_version_unknown": "of a command", "stream_closed": "of our own side",
}  # fmt: skip
STATUSES: Final = frozenset(status.value for status in JobStatus)
_CODE: Final = re.compile(r"[a-z]+(?:_[a-z0-9]+)*")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def path_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(tree(path_of(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names)):
                if name.startswith(("edge.flows.", "edge.engine.", "edge.web.")):
                    yield name


def rooms() -> set[str]:
    """Return the modules that can refuse something to the wall."""
    found, todo = set(ENTRANCES), list(ENTRANCES)
    while todo:
        for name in imported(todo.pop()):
            if name not in found and name not in ANOTHER_ROOM and path_of(name).is_file():
                found.add(name)
                todo.append(name)
    return found


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def codes_of(path: Path, calls: frozenset[str], *, places: int = 1) -> set[str]:
    """Return the codes that calls of some names are given, by place or as `code`."""
    found = set()
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or called(node) not in calls:
            continue
        given = [*node.args[:places], *(each.value for each in node.keywords if each.arg == "code")]
        found |= {
            each.value
            for each in given
            if isinstance(each, ast.Constant)
            and isinstance(each.value, str)
            and _CODE.fullmatch(each.value)
        }
    return found


def refusals() -> dict[str, str]:
    plain = re.findall(
        r"\d{3}: \(\"(\w+)\"", path_of("edge.runtime.http_errors").read_text("utf-8")
    )
    found = dict.fromkeys(plain, "edge.runtime.http_errors")
    for module in rooms():
        codes = codes_of(path_of(module), frozenset({"Refused"}))
        found |= dict.fromkeys(codes, module)
    return found


def set_in(script: str, name: str) -> set[str]:
    """Return the words of a `new Set([...])` of a script."""
    source = (WALL / script).read_text("utf-8")
    (inside,) = re.findall(rf"const {name} = new Set\(\[(.*?)\]\)", source, re.DOTALL)
    return set(re.findall(r"\"(\w+)\"", inside))


def test_every_refusal_that_the_wall_can_get_has_words() -> None:
    english, page = catalogue("en"), set_in("access.js", "PAGE_UNFIT")
    assert len(rooms()) > 12
    found = refusals()
    for code in ("device_id_taken", "unknown_till", "settings_too_large", "too_many_devices",
                 "no_day_in_doubt", "recording_out_of_reach", "pin_wrong", "too_slow"):  # fmt: skip
        assert code in found, code
    lacking = {
        code: module
        for code, module in found.items()
        if f"refusal_{code}" not in english and code not in page | set(NOT_OF_THE_WALL)
    }
    assert lacking == {}
    said = {word.removeprefix("refusal_") for word in english if word.startswith("refusal_")}
    computed = {"page_unfit", "pin_locked_person", "pin_locked_till", "enrol_locked"}
    assert said - set(found) <= computed, "words that nobody says any more"


def test_every_end_of_a_day_has_words_and_each_that_wants_somebody_a_next_step() -> None:
    english = catalogue("en")
    said = set()
    for module in ("edge.engine.terminal_day_rules", "edge.flows.terminal_day_board"):
        said |= set(re.findall(r"\"(day_[a-z_]+)\"", path_of(module).read_text("utf-8")))
    assert len(said) >= 9, said
    said -= {"day_under_way"}  # a refusal
    assert said <= set(english), said - set(english)
    source = (WALL / "store.js").read_text("utf-8")
    troubles = set(re.findall(r"\"(day_\w+)\"", source))
    assert {"day_in_doubt", "day_more", "day_less", "day_not_closed"} == troubles
    for code in said - {"day_agrees", "day_empty", "day_more", "day_less"}:
        assert f"{code}_next" in english, code
    assert "day_differs_next" in english


def test_every_part_of_the_box_has_words_and_a_next_step_when_wrong() -> None:
    english = catalogue("en")
    vitals = path_of("edge.flows.box_vitals").read_text("utf-8")
    codes = set(re.findall(r"\"((?:disk|clock|temperature|hosts)_[a-z]+)\"", vitals))
    names = set(re.findall(r"HealthItem\(\s*\"(\w+)\"", "".join(
        path.read_text("utf-8") for path in (ROOT / "edge" / "flows").glob("*.py")
    )))  # fmt: skip
    assert {"ledger", "reference", "bus", "link", "cards", "terminal_days", "tse"} <= names
    for name in names - {"disk"}:
        codes |= {f"{name}_ok", f"{name}_bad"}
    assert codes <= set(english), codes - set(english)
    for code in codes:
        well = code.endswith(("_ok", "_unknown"))
        assert (f"{code}_next" in english) is not well, code
        assert f"part_{code.rpartition('_')[0]}" in english, code
    spoken = {word.removesuffix("_next") for word in english if word.startswith(PARTS)}
    spoken -= {"bus_away", "bus_away_words"}  # of the message line
    assert spoken == codes, "words that nobody says any more"


def answers_of_the_page() -> dict[str, str]:
    source = (WALL / "device_words.js").read_text("utf-8")
    (inside,) = re.findall(r"const ANSWERS = .*?freeze\(\{(.*?)\}\)\);", source, re.DOTALL)
    return dict(re.findall(r"(\w+): \"(\w+)\"", inside))


def test_every_answer_to_a_technicians_wish_has_words() -> None:
    english, known = catalogue("en"), answers_of_the_page()
    found: dict[str, str] = {}
    for module in ("edge.flows.device_checks", "edge.flows.saved_recordings"):
        bodies = frozenset({"TestBody", "RecordingBody"})
        found |= dict.fromkeys(codes_of(path_of(module), bodies, places=2), module)
    assert {"test_no_answer", "recording_garbled"} <= set(found)
    for room in DEVICE_ROOMS:
        places = sorted(ROOT.glob(room))
        assert places, room
        for place in places:
            for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
                codes = codes_of(path, RAISED | {"Refused"}, places=2)
                found |= dict.fromkeys(codes, str(path.name))
    found = {code: where for code, where in found.items() if code not in STATUSES}
    assert {"no_paper", "open_failed", "expired", "recording_not_kept", "kind_unknown"} <= set(
        found
    )
    lacking = {
        code: where
        for code, where in found.items()
        if code not in NO_ANSWER and f"answer_{known.get(code, code)}" not in english
    }
    assert lacking == {}
    meant = {known.get(code, code) for code in {*found, *known}}
    said = {word.removeprefix("answer_") for word in english if word.startswith("answer_")}
    assert said <= meant, "words that nobody says any more"


def test_everything_in_a_live_log_has_words() -> None:
    english = catalogue("en")
    assert {f"job_{kind.value}" for kind in JobKind} == {w for w in english if w.startswith("job_")}
    assert {f"log_{state.value}" for state in DriverState} <= set(english)
    assert {f"log_{status.value}" for status in JobStatus} <= set(english)
    noted = set()
    for node in ast.walk(tree(path_of("edge.flows.device_log"))):
        if isinstance(node, ast.Call) and called(node) == "_note":
            noted |= {each.value for part in node.args[1:2] for each in ast.walk(part)
                      if isinstance(each, ast.Constant)}  # fmt: skip
    assert {"asked", "answered", "state", "there", "gone", "scan", "event"} <= noted
    cases = set(re.findall(r"case \"(\w+)\":", (WALL / "device_log.js").read_text("utf-8")))
    assert noted - cases <= {"event"}  # the default
