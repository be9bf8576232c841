"""Ids have a shape; instants have a business day and a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    ReplicaFork,
    SettingsInvalid,
    StorageFailed,
    TillboxError,
)
from edge.contract.identity import CommandId, ShortId, is_command_id, is_short_id
from edge.contract.instant import business_day, iso_utc

LISBON = ZoneInfo("Europe/Lisbon")


@pytest.mark.parametrize(
    ("text", "short", "command"),
    [
        ("till-1", True, False),
        ("a" * 40, True, True),
        ("a" * 41, False, True),
        ("a" * 64, False, True),
        ("a" * 65, False, False),
        ("", False, False),
        ("Till_number_1", False, True),
        ("1234567", True, False),
        ("12345678", True, True),
        ("till-1\n", False, False),
        ("abcdefgh\n", False, False),
        ("till/1", False, False),
        ("till 12345", False, False),
        ("\u00e9tage-123", False, False),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", False, False),
    ],
)
def test_ids_have_a_shape(text: str, short: bool, command: bool) -> None:
    assert is_short_id(text) is short
    assert is_command_id(text) is command
    for shape, fits in ((ShortId, short), (CommandId, command)):
        try:
            msgspec.convert(text, shape)
        except msgspec.ValidationError:
            taken = False
        else:
            taken = True
        assert taken is fits


@pytest.mark.parametrize(
    ("at", "hour", "day"),
    [
        (datetime(2026, 11, 22, 23, 59, tzinfo=LISBON), 0, "2026-11-22"),
        (datetime(2026, 11, 23, 0, 0, tzinfo=LISBON), 0, "2026-11-23"),
        (datetime(2026, 11, 23, 2, 30, tzinfo=LISBON), 5, "2026-11-22"),
        (datetime(2026, 11, 23, 5, 0, tzinfo=LISBON), 5, "2026-11-23"),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), 0, "2026-07-01"),
        (datetime(2027, 1, 1, 4, 59, tzinfo=LISBON), 5, "2026-12-31"),
    ],
)
def test_the_business_day_is_the_stores(at: datetime, hour: int, day: str) -> None:
    at_ms = round(at.timestamp() * 1000)
    assert business_day(at_ms, LISBON, day_starts_at_hour=hour) == day


@given(at_ms=st.integers(0, 4_000_000_000_000))
def test_an_instant_as_text_is_the_instant(at_ms: int) -> None:
    text = iso_utc(at_ms)
    moment = datetime.fromisoformat(text)
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == at_ms
    assert text.endswith("Z")
    assert len(text) == len("2026-11-22T18:08:00.000Z")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DeviceUnreachable, "device_unreachable"),
        (DeviceNeedsPerson, "device_needs_person"),
        (ProtocolViolation, "protocol_violation"),
        (OutcomeUnknown, "outcome_unknown"),
        (ReplicaFork, "replica_fork"),
        (StorageFailed, "storage_failed"),
        (SettingsInvalid, "settings_invalid"),
    ],
)
def test_errors_say_what_happened_and_what_to_do(error: type[TillboxError], kind: str) -> None:
    happened = error("no_paper", "The printer has no paper.", advice="Put in a roll.")
    assert str(happened) == "The printer has no paper. Put in a roll."
    assert str(error("no_paper", "The printer has no paper.")) == "The printer has no paper."
    assert (happened.kind, happened.code) == (kind, "no_paper")


def test_a_refusal_is_a_409_unless_it_says_otherwise() -> None:
    plain = Refused("no", "No.")
    assert (plain.kind, plain.status, plain.params) == ("refused", 409, {})
    told = Refused("no", "No.", status=404, params={"code": "x"})
    assert (told.status, told.params) == (404, {"code": "x"})
