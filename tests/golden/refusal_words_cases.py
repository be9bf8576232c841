"""The refusals of the till's rules, word by word: `refusal_words.json`, by code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from edge.contract.errors import Refused
from tests.engine.refusal_cases import REFUSALS
from tests.engine.till_in_memory import TillInMemory

FILE: Final = Path(__file__).with_name("refusal_words.json")


def text() -> str:
    """Return what is said, each thing once, in the order of the cases."""
    said: dict[str, list[dict[str, Any]]] = {}
    for code, before, wish in REFUSALS:
        till = TillInMemory()
        before(till)
        try:
            wish(till)
        except Refused as refusal:
            words = {
                "message": refusal.message,
                "advice": refusal.advice,
                "params": refusal.params,
                "status": refusal.status,
            }
            if words not in said.setdefault(code, []):
                said[code].append(words)
    return json.dumps(dict(sorted(said.items())), indent=1, ensure_ascii=False) + "\n"


def write() -> None:
    """Write the file anew."""
    FILE.write_text(text(), "utf-8")
