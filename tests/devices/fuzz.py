"""How each codec is fuzzed, in one table; `python -m tests.devices.fuzz` plays a million each.

Every module of `devices/protocols` has an entry: how it is played, or through which other
codec. A play keeps its readers from input to input, so that what grows is seen to grow.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.devices.fuzzing import (
    drawers,
    escpos,
    keyboards,
    lines,
    news,
    nexo,
    scales,
    shown,
    star,
    zvt,
)
from tests.devices.fuzzing.hostile import Play

MILLION = 1_000_000
SEED = 20_261_127
"""The seed of the short form: the same inputs each time."""
MEMORY_GROWTH_BYTES_MAX = 16 * 1_048_576
"""Between a tenth of the inputs and their end; caches are full by then."""
HANG_S = 30.0
"""A thousand inputs take a second at most; the watchdog prints where they stand instead.

It is the process's own time: beside others, and nice to them, they may take minutes.
"""
_WATCHED = 1_000


@dataclass(frozen=True)
class Through:
    """A module without an entrance of its own: it is played by another's play, which uses it."""

    codec: str


Start = Callable[[], Play]

TABLE: dict[str, Start | Through] = {
    "display_cd5220": shown.cd5220,
    "display_escpos": shown.escpos_display,
    "display_text": shown.text,
    "drawer_power": drawers.power,
    "drawer_sensor": drawers.sensor,
    "escpos_columns": escpos.columns,
    "escpos_commands": escpos.command_bytes,
    "escpos_encoder": escpos.encoder,
    "escpos_questions": escpos.questions,
    "escpos_raster": escpos.raster,
    "escpos_status": escpos.status,
    "escpos_text": escpos.text,
    "escpos_trouble": Through("escpos_status"),
    "hidpos_reports": keyboards.hid_reports,
    "http_exchange": nexo.http,
    "key_events": keyboards.key_events,
    "kernel_uevent": news.uevents,
    "keyboard_layouts": keyboards.layouts,
    "letters": Through("escpos_raster"),
    "nexo_envelope": nexo.envelope,
    "nexo_messages": nexo.messages,
    "nexo_names": nexo.names,
    "nexo_outcomes": nexo.outcomes,
    "nexo_redaction": nexo.redaction,
    "nexo_words": nexo.words,
    "receipt_setting": Through("escpos_encoder"),
    "scale_adam": scales.adam,
    "scale_cas": lines.scale_cas_answers,
    "scale_dialog06": scales.dialog06,
    "scale_mt8217": scales.mt8217,
    "scale_nci": scales.nci,
    "scanned_codes": keyboards.codes,
    "scanner_lines": lines.scanner_lines,
    "service_text": news.service_texts,
    "star_encoder": star.encoder,
    "star_line": star.command_bytes,
    "star_marks": Through("star_status"),
    "star_questions": star.questions,
    "star_status": star.status,
    "text_direction": escpos.direction,
    "typewriter": keyboards.typewriter,
    "weight_readings": Through("scale_adam"),
    "zpl_labels": shown.labels,
    "zpl_status": shown.label_status,
    "zpl_trouble": Through("zpl_status"),
    "zvt_apdu": zvt.apdu,
    "zvt_blocks": zvt.blocks,
    "zvt_commands": zvt.command_bytes,
    "zvt_end_of_day": zvt.end_of_day,
    "zvt_fields": zvt.fields,
    "zvt_messages": zvt.messages,
    "zvt_receipts": zvt.receipts,
    "zvt_recovery": zvt.recovery,
    "zvt_redaction": zvt.redaction,
    "zvt_results": zvt.results,
    "zvt_text": zvt.text,
    "zvt_tlv": zvt.tlv,
    "zvt_transactions": zvt.transactions,
}
"""A new codec: add its play to a file of `tests/devices/fuzzing` and name it here."""


def played() -> tuple[str, ...]:
    """The codecs that have a play of their own."""
    return tuple(name for name, how in TABLE.items() if not isinstance(how, Through))


def memory_bytes() -> int:
    """Return the resident size of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fuzz(name: str, inputs: int, seed: int, *, alive: Callable[[], None] = lambda: None) -> int:
    """Play inputs to one codec; return by how many bytes the process grew.

    What fails is raised with a note that says how to play it again. `alive` is called every
    thousand inputs.
    """
    how = TABLE[name]
    assert not isinstance(how, Through)
    chance = Random(f"{seed} {name}")
    play = how()
    before, number = 0, 0
    try:
        for number in range(inputs):
            if number == inputs // 10:
                before = memory_bytes()
            if number % _WATCHED == 0:
                alive()
            play(chance)
    except BaseException as error:
        error.add_note(f"codec {name}, seed {seed}, input {number + 1}")
        raise
    grew = memory_bytes() - before
    assert grew <= MEMORY_GROWTH_BYTES_MAX, f"{name}, seed {seed}: grew by {grew} bytes"
    return grew


def main(words: Iterable[str] | None = None) -> int:
    """Fuzz all codecs, or those named; the exit status is 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.devices.fuzz", description=__doc__)
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help=f"of {', '.join(played())}")
    parser.add_argument("--inputs", type=int, default=MILLION, help="inputs for each codec")
    parser.add_argument("--seed", type=int, default=None, help="by default one that is printed")
    arguments = parser.parse_args(None if words is None else list(words))
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    sys.stdout.write(f"seed {seed}, {arguments.inputs} inputs a codec\n")
    for name in arguments.codecs or played():
        begun = time.monotonic()
        grew = fuzz(name, arguments.inputs, seed, alive=_watch)
        took = time.monotonic() - begun
        sys.stdout.write(f"{name:18} {took:8.1f} s  {grew / 1_048_576:+6.2f} MiB\n")
        sys.stdout.flush()
    signal.setitimer(signal.ITIMER_PROF, 0)
    return 0


def _watch() -> None:
    """End the process with its trace should the next thousand inputs take too long."""
    faulthandler.register(signal.SIGPROF, chain=True)  # what it did before: end the process
    signal.setitimer(signal.ITIMER_PROF, HANG_S)


if __name__ == "__main__":
    sys.exit(main())
