"""What `make install` and the package put on a machine, looked at without touching this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ("install.sh", "after_install.sh", "make_deb.sh")
# the packages of this environment do: nothing is fetched
OFFLINE = {"PIP_ARGS": "--no-deps --no-build-isolation --no-index", "PYTHON": sys.executable}

pytestmark = pytest.mark.timeout(180)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path, **environment},
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_plain_shell(script: str) -> None:
    run("sh", "-n", ROOT / "systemd" / script)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it is, apart: what is built leaves nothing beside the sources."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("edge", "devices", "sync", "systemd"):
        skipped = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def package(source: Path) -> Path:
    """The package, made once."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed: no package is made")
    run("sh", source / "systemd/make_deb.sh", source / "dist", **OFFLINE)
    (made,) = (source / "dist").glob("tillbox_*.deb")
    return made


def test_the_package_has_all_that_a_box_needs(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "-x", package, tmp_path)
    run("dpkg-deb", "-e", package, tmp_path / "control")
    for path in (
        "usr/bin/tillbox",
        "usr/lib/systemd/system/tillbox-edge.service",
        "usr/lib/systemd/system/tillbox-edge.socket",
        "usr/lib/systemd/system/mosquitto.service.d/tillbox.conf",
        "usr/lib/systemd/journald.conf.d/tillbox.conf",
        "usr/lib/sysusers.d/tillbox.conf",
        "usr/lib/tmpfiles.d/tillbox.conf",
        "usr/lib/modules-load.d/tillbox.conf",
        "usr/lib/udev/rules.d/70-tillbox.rules",
        "usr/lib/tillbox/edge/screens/packed",
        "usr/lib/tillbox/devices/lettering/fonts",
        "usr/share/doc/tillbox/copyright",
    ):
        assert (tmp_path / path).exists(), path
    control = (tmp_path / "control/control").read_text()
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"python3 (>= {this}), python3 (<<" in control
    for script in ("postinst", "prerm"):
        run("sh", "-n", tmp_path / "control" / script)
        assert os.access(tmp_path / "control" / script, os.X_OK)


def test_the_package_has_no_trace_of_where_it_was_made(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "-x", package, tmp_path)
    told = [str(package.parents[1]), "/tmp/tmp."]  # noqa: S108 - where mktemp makes its folder
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.stat().st_mode & 0o7022 == 0, f"{path} may be changed by others"
            content = path.read_bytes()
            assert not any(word.encode() in content for word in told), path
    assert not [*tmp_path.rglob("direct_url.json")], "it would say where the sources were"


def test_what_is_installed_runs(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "-x", package, tmp_path)
    others = [path for path in sys.path if path.endswith("site-packages")]
    where = ":".join([str(tmp_path / "usr/lib/tillbox"), *others])
    program = (
        "import edge; print(edge.__file__); from edge.cli import main; raise SystemExit(main())"
    )
    done = run(sys.executable, "-sPc", program, "--help", PYTHONPATH=where)
    assert done.stdout.startswith(str(tmp_path)), "the tree itself was run"
    for command in ("edge", "devices", "sync", "office", "keep", "setup"):
        assert f"    {command} " in done.stdout
    script = (tmp_path / "usr/bin/tillbox").read_text()
    assert "PYTHONPATH=/usr/lib/tillbox exec /usr/bin/python3" in script
