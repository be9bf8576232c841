"""An update from the file to the start that keeps or leaves it, and every cut in between."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import ProtocolViolation, Refused, SettingsInvalid, StorageFailed
from edge.contract.update_limits import TRIAL_S_MAX
from edge.runtime.keys import SigningKey, create_key
from edge.updating import installing
from edge.updating.boot_choice import BootChoice, Slot
from edge.updating.bundle import Version, open_bundle
from edge.updating.command import this_box, update_keys
from edge.updating.installing import install
from edge.updating.trial import begin_trial, settle
from edge.updating.update_record import Phase, UpdateRecord, read_record
from tests.runtime.hand_clock import HandClock
from tests.updating.update_disk import Disk, bundle_of, content, keys_of


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return create_key(tmp_path / "update.key")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path / "disk")
    made.folder.mkdir()
    made.begin("1.0.0")
    return made


def put(disk: Disk, data: bytes, key: SigningKey, version: str = "1.0.0") -> UpdateRecord:
    return install(open_bundle(io.BytesIO(data), keys_of(key)), disk.box(version))


class PassingClock(HandClock):
    """Time passes by sleeping."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


async def settled(
    disk: Disk, version: str, look: Callable[[], Sequence[str]] = tuple
) -> tuple[UpdateRecord, list[bool]]:
    restarts: list[bool] = []
    record = await settle(disk.box(version), look, restarts.append, PassingClock())
    return record, restarts


def images(disk: Disk) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in disk.folder.iterdir() if path.is_file()}


# --- the ways an update goes --------------------------------------------------------------


async def test_a_good_update_is_tried_once_and_kept(disk: Disk, key: SigningKey) -> None:
    before = disk.place("root", Slot.A).read_bytes()
    record = put(disk, bundle_of("1.1.0", key, floor="1.1.0"), key)
    assert (record.phase, record.slot) == (Phase.WRITTEN, Slot.B)
    assert disk.start() == "1.0.0", "what starts is what started before"
    restarts: list[bool] = []

    def restart(trial: bool) -> None:
        assert read_record(disk.folder / "var").phase is Phase.TRYING, "noted before it happens"
        restarts.append(trial)

    begin_trial(disk.box("1.0.0"), restart)
    assert restarts == [True]
    assert disk.start(tryboot=True) == "1.1.0"
    record, restarts = await settled(disk, "1.1.0")
    assert (record.phase, record.floor, restarts) == (Phase.KEPT, "1.1.0", [])
    assert disk.start() == "1.1.0"
    assert disk.place("root", Slot.A).read_bytes() == before, "the version before is there yet"
    assert await settled(disk, "1.1.0") == (record, []), "asked again, nothing happens"
    # and the next one goes the other way
    record = put(disk, bundle_of("2.0.0", key), key, "1.1.0")
    assert record.slot is Slot.A
    begin_trial(disk.box("1.1.0"), restarts.append)
    assert disk.start(tryboot=True) == "2.0.0"
    assert (await settled(disk, "2.0.0"))[0].floor == "1.1.0", "a floor does not sink"
    assert disk.start() == "2.0.0"


async def test_a_version_that_is_not_well_is_left(disk: Disk, key: SigningKey) -> None:
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    assert disk.start(tryboot=True) == "1.1.0"
    record, restarts = await settled(disk, "1.1.0", lambda: ["tillbox-edge: It does not run."])
    assert (record.phase, restarts) == (Phase.LEFT, [False])
    assert "tillbox-edge" in record.why
    assert disk.start() == "1.0.0"
    assert (await settled(disk, "1.0.0"))[0].phase is Phase.LEFT
    assert put(disk, bundle_of("1.1.0", key), key).phase is Phase.WRITTEN, "it may come again"


async def test_a_version_that_does_not_start_is_left(disk: Disk, key: SigningKey) -> None:
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    noise = random.Random(7).randbytes(100_000)
    with disk.place("root", Slot.B).open("r+b") as file:
        file.write(noise)
    assert disk.start(tryboot=True) == "1.0.0"
    record, restarts = await settled(disk, "1.0.0")
    assert (record.phase, restarts) == (Phase.LEFT, [])
    assert "did not start" in record.why


async def test_what_is_chosen_is_not_looked_at_again(disk: Disk, key: SigningKey) -> None:
    """The power went behind the choice and before its note: there is no way back to be left."""
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    disk.start(tryboot=True)
    disk.box("1.1.0").choice.choose(Slot.B)
    record, restarts = await settled(disk, "1.1.0", lambda: ["The broker is away."])
    assert (record.phase, restarts) == (Phase.KEPT, [])


async def test_well_once_is_not_well(disk: Disk, key: SigningKey) -> None:
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    disk.start(tryboot=True)
    looks = 0

    def look() -> list[str]:
        nonlocal looks
        looks += 1
        return ["It fell over again."] if looks % 5 == 0 else []

    record, _ = await settled(disk, "1.1.0", look)
    assert record.phase is Phase.LEFT
    assert looks >= TRIAL_S_MAX / 5


async def test_a_slow_start_has_its_time(disk: Disk, key: SigningKey) -> None:
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    disk.start(tryboot=True)
    looks = iter(range(1_000))
    record, _ = await settled(disk, "1.1.0", lambda: ["not yet"] if next(looks) < 40 else [])
    assert record.phase is Phase.KEPT


# --- what is refused before a byte is written -----------------------------------------------


@pytest.mark.parametrize("case", ["key", "older", "same", "floor", "machine", "manifest", "magic"])
def test_it_is_refused_and_nothing_is_written(
    case: str, disk: Disk, key: SigningKey, tmp_path: Path
) -> None:
    data, running = bundle_of("1.1.0", key), "1.0.0"
    if case == "key":
        data = bundle_of("1.1.0", create_key(tmp_path / "foreign.key"))
    elif case == "older":
        running = "2.0.0"
    elif case == "same":
        running = "1.1.0"
    elif case == "floor":
        (disk.folder / "var/update.json").write_text('{"floor":"1.2.0"}')
    elif case == "machine":
        data = bundle_of("1.1.0", key, machine="pi")
    elif case == "manifest":
        data = data.replace(b'"version":"1.1.0"', b'"version":"9.9.9"')
    else:
        data = data.replace(b"TILLBOX", b"TILLBAX")
    before, record = images(disk), read_record(disk.folder / "var")
    with pytest.raises((Refused, ProtocolViolation)) as caught:
        put(disk, data, key, running)
    assert "signed" in str(caught.value) or caught.value.code.startswith("update_")
    assert images(disk) == before
    assert read_record(disk.folder / "var") == record


def test_a_list_is_signed_to_its_last_byte(key: SigningKey) -> None:
    data = bundle_of("1.1.0", key)
    signed = data.index(content("1.1.0", "boot")[:32])
    for at in range(signed):
        changed = bytearray(data[:signed])
        changed[at] ^= 1
        with pytest.raises(ProtocolViolation):
            open_bundle(io.BytesIO(bytes(changed)), keys_of(key))
    for end in range(signed):
        with pytest.raises(ProtocolViolation):
            open_bundle(io.BytesIO(data[:end]), keys_of(key))


@pytest.mark.parametrize("at", [0, 70_000, 5_000_000, -1])
def test_a_part_that_was_changed_is_never_chosen(at: int, disk: Disk, key: SigningKey) -> None:
    data = bytearray(bundle_of("1.1.0", key))
    begin = data.index(content("1.1.0", "boot")[:32])
    data[begin + at if at >= 0 else -1] ^= 1
    with pytest.raises(ProtocolViolation, match="not what was signed"):
        put(disk, bytes(data), key)
    assert read_record(disk.folder / "var").phase is Phase.WRITING
    assert disk.start() == "1.0.0"
    with pytest.raises(Refused, match="no version to try"):
        begin_trial(disk.box("1.0.0"), lambda _: None)
    assert put(disk, bundle_of("1.1.0", key), key).phase is Phase.WRITTEN


def test_a_card_that_forgets_is_told(
    disk: Disk, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = installing._write_all
    monkeypatch.setattr(
        installing, "_write_all", lambda file, chunk: write(file, bytes(16) + bytes(chunk)[16:])
    )
    with pytest.raises(StorageFailed, match="not what was written"):
        put(disk, bundle_of("1.1.0", key), key)


def test_a_slot_too_small_or_missing_is_told(disk: Disk, key: SigningKey) -> None:
    disk.place("root", Slot.B).write_bytes(b"small")
    before = images(disk)
    with pytest.raises(StorageFailed, match="has room for 5"):
        put(disk, bundle_of("1.1.0", key), key)
    assert images(disk) == before
    disk.place("root", Slot.B).unlink()
    with pytest.raises(StorageFailed, match="cannot be used"):
        put(disk, bundle_of("1.1.0", key), key)


def test_under_trial_nothing_else_is_installed(disk: Disk, key: SigningKey) -> None:
    put(disk, bundle_of("1.1.0", key), key)
    begin_trial(disk.box("1.0.0"), lambda _: None)
    disk.start(tryboot=True)
    with pytest.raises(Refused, match="under trial"):
        put(disk, bundle_of("2.0.0", key), key, "1.1.0")


# --- the power goes -------------------------------------------------------------------------


class PowerGoneError(BaseException):
    """Nothing catches it, as nothing does when the power goes."""


@contextlib.contextmanager
def power_goes(at: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the power go at the so-manieth step that changes a disk; give the steps that were."""
    steps: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*words: Any, **more: Any) -> Any:
            if name == "open" and words[1:] != ("wb",):
                return real(*words, **more)
            steps.append(name)
            if len(steps) == at:
                if name == "write":  # half of it is on the card
                    file, chunk = words
                    file.write(bytes(chunk)[: len(chunk) // 2])
                elif name == "open":  # what was there is gone, what comes is not there yet
                    real(*words, **more).close()
                raise PowerGoneError
            return real(*words, **more)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted("fsync", os.fsync))
        patch.setattr(Path, "open", counted("open", Path.open))
        patch.setattr(Path, "replace", counted("replace", Path.replace))
        patch.setattr(installing, "_write_all", counted("write", installing._write_all))
        yield steps


async def test_the_power_may_go_at_every_step(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bundle_of("1.1.0", key)
    ends: list[str] = []
    for at in range(1, 200):
        disk = Disk(tmp_path / f"disk-{at}")
        disk.folder.mkdir()
        disk.begin("1.0.0")
        trial: list[bool] = []
        with contextlib.suppress(PowerGoneError), power_goes(at, monkeypatch) as steps:
            put(disk, data, key)
            begin_trial(disk.box("1.0.0"), trial.append)
            assert disk.start(tryboot=True) == "1.1.0"
            await settled(disk, "1.1.0")
        done = len(steps) < at
        running = disk.start()  # whatever was: a system starts, and it is a whole one
        record, _ = await settled(disk, running)
        assert running == disk.start()
        assert record.phase is not Phase.TRYING
        if record.phase is Phase.KEPT:
            assert running == record.version == "1.1.0"
        elif running == "1.0.0":  # and the update may come again
            assert put(disk, data, key).phase is Phase.WRITTEN
            begin_trial(disk.box("1.0.0"), trial.append)
            assert disk.start(tryboot=True) == "1.1.0"
            assert (await settled(disk, "1.1.0"))[0].phase is Phase.KEPT
        ends.append(running)
        for path in disk.folder.glob("*-?"):
            path.unlink()  # a disk is 36 MB
        if done:
            break
    assert ends[-1] == "1.1.0"
    assert len(ends) > 15
    assert ends == sorted(ends), "from some step on it is the new one"


# --- small things ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("[all]\nboot_partition=3\n[tryboot]\nboot_partition=2\n", Slot.B),
        ("boot_partition=3\n", Slot.B),
        ("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n", Slot.A),
        ("[tryboot]\nboot_partition=3\n", Slot.A),
        ("garbage\x00\xff", Slot.A),
        ("[all]\nboot_partition=9\n", Slot.A),
        ("", Slot.A),
    ],
)
def test_what_a_choice_says(text: str, slot: Slot, tmp_path: Path) -> None:
    (tmp_path / "autoboot.txt").write_text(text, "latin-1")
    assert BootChoice(tmp_path).chosen() is slot
    for wanted in Slot:
        BootChoice(tmp_path).choose(wanted)
        assert BootChoice(tmp_path).chosen() is wanted
    assert [path.name for path in tmp_path.iterdir()] == ["autoboot.txt"]


def test_versions_are_numbers() -> None:
    assert Version.parse("1.10.0") > Version.parse("1.9.9")
    assert str(Version.parse("1.10.0")) == "1.10.0"
    for text in ("1.0", "1.0.0.0", "1.0.x", "", "1.0.-1", "v1.0.0", "\u0661.0.0"):
        with pytest.raises(ProtocolViolation):
            Version.parse(text)


@pytest.mark.parametrize("text", ["", "{", '{"floor":"new"}', '{"phase":"flying"}'])
def test_a_record_that_is_none_stops_updates(text: str, disk: Disk, key: SigningKey) -> None:
    (disk.folder / "var/update.json").write_text(text)
    before = images(disk)
    with pytest.raises(StorageFailed, match=r"update\.json"):
        put(disk, bundle_of("1.1.0", key), key)
    assert images(disk) == before


def test_a_machine_without_slots_is_told_where_its_updates_come_from(tmp_path: Path) -> None:
    for words, machine in (
        ("quiet", "vm"),
        ("root=PARTLABEL=root-c", "vm"),
        ("root=PARTLABEL=root-a", ""),
    ):
        root = tmp_path / f"{words[-1]}{machine}"
        for path, text in (("proc/cmdline", words), ("usr/lib/tillbox-image/machine", machine)):
            (root / path).parent.mkdir(parents=True)
            (root / path).write_text(text)
        with pytest.raises(SettingsInvalid, match="sudo apt install"):
            this_box(root)
    root = tmp_path / "box"
    for path, text in (
        ("proc/cmdline", "root=PARTLABEL=root-b rootfstype=squashfs ro panic=5"),
        ("usr/lib/tillbox-image/machine", "vm\n"),
        ("usr/lib/tillbox-image/update-keys", f"{'ab' * 32}\n"),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    assert (this_box(root).slot, this_box(root).machine) == (Slot.B, "vm")
    assert [each.hex for each in update_keys(root)] == ["ab" * 32]
