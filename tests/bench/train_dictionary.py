"""Trains a frame dictionary from seeded sales and weighs it on sales it has not seen.

    python -m tests.bench.train_dictionary weigh            what the shipped ones give
    python -m tests.bench.train_dictionary sizes            what other sizes would give
    python -m tests.bench.train_dictionary write 2 FOLDER   make 2.zdict and 2.forms there

A dictionary that was released is kept for ever and never written again: frames name it.
The same seed and the same zstd give the same bytes; another zstd may give others, which
is why the files themselves are what is shipped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import zstandard

from edge.contract.envelope import GENESIS
from edge.runtime.frame_codec import FrameDictionary, encode_frame, shipped_dictionaries
from edge.runtime.frame_thinning import FormBook, form_of, thin
from tests.bench.synthetic_sales import SyntheticShop

TRAIN_SEED = 20_261_122
WEIGH_SEED = 7
SHOPS = 40
SALES_PER_SHOP = 60
DICTIONARY_BYTES = 16_384
FORMS = 96
_LEVEL = 19


@cache
def training_frames() -> tuple[tuple[SyntheticShop, int, tuple[bytes, ...]], ...]:
    """Return the frames of many shops that share nothing but the declarations."""
    frames = []
    for shop_number in range(SHOPS):
        shop = SyntheticShop(
            TRAIN_SEED + shop_number,
            store=1 + shop_number * 7,
            seq=1 + shop_number * 9_973,
            at=1_795_000_000_000 + shop_number * 91_000_000,
        )
        first_seq = shop.seq
        for bodies in shop.day(SALES_PER_SHOP):
            frames.append((shop, first_seq, tuple(bodies)))
            first_seq += len(bodies)
    return tuple(frames)


def choose_forms() -> list[bytes]:
    """Return the forms most often seen, most frequent first."""
    seen: Counter[bytes] = Counter()
    for _, _, bodies in training_frames():
        seen.update(form for body in bodies if (form := form_of(body)) is not None)
    return [form for form, _ in sorted(seen.items(), key=lambda each: (-each[1], each[0]))][:FORMS]


def train(size: int = DICTIONARY_BYTES, dict_id: int = 1) -> FrameDictionary:
    """Return a new dictionary."""
    forms = choose_forms()
    book = FormBook(forms)
    samples: list[bytes | bytearray | memoryview] = [
        thin(bodies, store=shop.store, gen=shop.gen, first_seq=first_seq, book=book)
        for shop, first_seq, bodies in training_frames()
    ]
    trained = zstandard.train_dictionary(size, samples, level=_LEVEL, dict_id=dict_id, k=1_024, d=8)
    return FrameDictionary(dict_id, trained.as_bytes(), forms)


def weigh(dictionary: FrameDictionary, *, rounds: int = 100) -> dict[str, float]:
    """Return bytes per plain 4-line sale in whole frames of one, five and 300 sales."""
    shop = SyntheticShop(WEIGH_SEED, store=3, seq=41_000, at=1_801_234_567_000)
    result = {}
    for name, sales, times in (("one", 1, rounds), ("five", 5, rounds // 5), ("bulk", 300, 2)):
        total = 0
        for _ in range(times):
            first_seq = shop.seq
            bodies = []
            for _ in range(sales):
                shop.at += 61_000
                bodies += shop.sale(lines=4, plain=True)
            frame = encode_frame(
                store=shop.store,
                gen=shop.gen,
                first_seq=first_seq,
                last_hash=GENESIS,
                bodies=bodies,
                sign=lambda _: bytes(64),
                dictionary=dictionary,
            )
            total += len(frame)
        result[name] = round(total / times / sales, 1)
    return result


def write(number: int, folder: Path) -> str:
    """Make the two files of a dictionary, unless they are there; return what happened."""
    files = [folder / f"{number}.zdict", folder / f"{number}.forms"]
    if any(file.exists() for file in files):
        return f"{number} is there already; a released dictionary is never replaced."
    dictionary = train(dict_id=number)
    files[0].write_bytes(dictionary.content)
    files[1].write_bytes(b"\n".join(dictionary.book.forms))
    return f"{number}: {[file.stat().st_size for file in files]} bytes"


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands named above."""
    match arguments:
        case ["weigh"]:
            lines = [f"{number}: {weigh(each)}" for number, each in shipped_dictionaries().items()]
        case ["sizes"]:
            lines = [f"{kib} KiB: {weigh(train(1024 * kib))}" for kib in (2, 4, 8, 16, 32)]
        case ["write", number, folder]:
            lines = [write(int(number), Path(folder))]
        case _:
            lines = [__doc__ or ""]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
