"""Writes every golden file anew: `make golden`. Look at the difference before committing it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Run `write()` of every `*_cases.py` beside this file; name one to run it alone."""
    wanted = sys.argv[1:]
    for path in sorted(Path(__file__).parent.glob("*_cases.py")):
        if wanted and path.stem not in wanted:
            continue
        importlib.import_module(f"tests.golden.{path.stem}").write()
        sys.stdout.write(f"written: {path.stem}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
