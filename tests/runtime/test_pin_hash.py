"""PINs, passwords, pepper, and the count of wrong tries."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.pin_hash import MEMORY_KIB, PASSES, PinHasher, WrongTries, load_pepper
from tests.runtime.hand_clock import HandClock

PEPPER = bytes(range(32))


def _quick(pepper: bytes = PEPPER) -> PinHasher:
    return PinHasher(pepper, memory_kib=64, passes=1)


def test_the_parameters_are_those_of_the_design() -> None:
    stored = PinHasher(PEPPER).hash_pin("1234")
    assert stored.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
    assert PinHasher(PEPPER).verify_pin(stored, "1234")


def test_a_pin_is_right_or_wrong() -> None:
    hasher = _quick()
    stored = hasher.hash_pin("0042")
    assert "0042" not in stored
    assert hasher.hash_pin("0042") != stored  # each has its salt
    assert hasher.verify_pin(stored, "0042")
    assert not hasher.verify_pin(stored, "42")
    assert not hasher.verify_pin(stored, "0043")


def test_without_the_pepper_no_pin_is_right() -> None:
    stored = _quick().hash_pin("1234")
    assert not _quick(bytes(32)).verify_pin(stored, "1234")


def test_a_pin_is_no_password() -> None:
    hasher = _quick()
    assert not hasher.verify_password(hasher.hash_pin("123456789012"), "123456789012")
    stored = hasher.hash_password("correct horse battery")
    assert hasher.verify_password(stored, "correct horse battery")
    assert not hasher.verify_password(stored, "correct horse")
    assert not hasher.verify_password(None, "correct horse")


@pytest.mark.parametrize("stored", [None, "", "$argon2id$nonsense", "1234", "$argon2id$v=19$m=8"])
def test_nobody_has_no_right_pin(stored: str | None) -> None:
    assert not _quick().verify_pin(stored, "1234")


class Counting(PinHasher):
    """Counts the work that is done, by its memory: the same for somebody and for nobody."""

    def __init__(self) -> None:
        super().__init__(PEPPER, memory_kib=64, passes=1)
        self.verified: list[str] = []
        real = self._argon2

        class Argon2:
            hash = real.hash

            @staticmethod
            def verify(stored: str, secret: bytes) -> bool:
                self.verified.append(stored.rpartition("$")[0].rpartition("$")[0])
                return real.verify(stored, secret)

        self._argon2 = Argon2()  # type: ignore[assignment]  # the two methods that are used


def test_an_unknown_person_costs_the_same_work() -> None:
    hasher = Counting()
    stored = hasher.hash_pin("1234")
    hasher.verify_pin(stored, "9999")
    hasher.verify_pin(None, "9999")
    hasher.verify_pin(None, "9999")
    assert len(hasher.verified) == 3
    assert len(set(hasher.verified)) == 1


def test_hashes_of_other_parameters_are_outdated() -> None:
    stored = _quick().hash_pin("1234")
    assert not _quick().outdated(stored)
    assert PinHasher(PEPPER).outdated(stored)


def test_the_pepper_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "pepper"
    pepper = load_pepper(file)
    assert len(pepper) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_pepper(file) == pepper
    assert load_pepper(tmp_path / "other") != pepper


def test_a_broken_pepper_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "pepper"
    load_pepper(file)
    file.write_bytes(b"short")
    with pytest.raises(SettingsInvalid) as caught:
        load_pepper(file)
    assert caught.value.code == "pepper_unusable"
    assert file.read_bytes() == b"short"


def test_five_wrong_tries_lock_for_the_hour() -> None:
    clock = HandClock()
    tries = WrongTries(clock, per_hour_max=5)
    locked = []
    for _ in range(5):
        assert tries.locked_for_ms("anna") == 0
        locked.append(tries.note("anna"))
        clock.advance(60)
    assert locked == [False, False, False, False, True]
    assert tries.locked_for_ms("bert") == 0
    assert tries.locked_for_ms("anna") == (3_600 - 300) * 1000
    clock.advance(3_299)
    assert tries.locked_for_ms("anna") == 1_000
    clock.advance(1)
    assert tries.locked_for_ms("anna") == 0
    assert tries.note("anna")  # four are still within the hour
    tries.forget("anna")
    tries.forget("anna")
    assert tries.locked_for_ms("anna") == 0


def test_the_wall_clock_opens_no_lock() -> None:
    clock = HandClock()
    tries = WrongTries(clock, per_hour_max=1)
    tries.note("anna")
    clock.step_wall_clock(10 * 3_600_000)
    assert tries.locked_for_ms("anna") == 3_600_000


def test_what_was_kept_over_a_restart_counts() -> None:
    tries = WrongTries(HandClock(), per_hour_max=2)
    tries.note("anna", age_ms=3_000_000)
    assert tries.note("anna")
    assert tries.locked_for_ms("anna") == 600_000


def test_ten_thousand_tries_win_no_more_than_five_an_hour() -> None:
    clock = HandClock()
    tries = WrongTries(clock, per_hour_max=5)
    tried = 0
    for _ in range(10_000):
        if not tries.locked_for_ms("anna"):
            tried += 1
            tries.note("anna")
        clock.advance(1)
    assert tried == 15  # 10,000 s are not quite three hours


def test_memory_is_bounded_and_the_longest_untouched_goes() -> None:
    tries = WrongTries(HandClock(), per_hour_max=1, keys_max=2)
    for key in ("a", "b", "c"):
        tries.note(key)
    assert [tries.locked_for_ms(key) > 0 for key in ("a", "b", "c")] == [False, True, True]
