"""`tests/install_tools.sh` on machines that have, lack, may and may not install the tools."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install_tools.sh"
TOOLS = ("mosquitto", "chromium", "tshark", "strace", "postgresql")
PROGRAMS = {"postgresql": "initdb"}
"""Where the program that is looked for has another name than the package."""
ROOT, PERSON = "0", "1000"
HAS_WHAT_A_SHELL_NEEDS = ("chmod", "grep", "rm")

APT_GET = """\
#!/bin/sh
echo "$* | frontend=$DEBIAN_FRONTEND | policy=$([ -x "$ROOT/usr/sbin/policy-rc.d" ] && echo yes)" \
  >>"$ROOT/apt.log"
for last in "$@"; do :; done
if [ "$last" = "$APT_HANGS_AT" ]; then
  echo $$ >"$ROOT/apt.pid"
  exec sleep 60
fi
[ "$1" = install ] || exit "$APT_UPDATE_STATUS"
program="$last"
[ "$last" = postgresql ] && program=initdb
case " $APT_HAS " in
  *" $last "*) printf '#!/bin/sh\\n' >"$ROOT/bin/$program"; chmod +x "$ROOT/bin/$program" ;;
  *) echo "E: Unable to locate package $last" >&2; exit 100 ;;
esac
"""


@dataclass
class Machine:
    """A folder that the script takes for a machine: its programs, and an apt-get that records."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("bin", "usr/sbin", "usr/local/sbin"):
            (self.root / folder).mkdir(parents=True)
        for name in (*HAS_WHAT_A_SHELL_NEEDS, "sleep"):
            found = shutil.which(name)
            assert found is not None
            (self.root / "bin" / name).symlink_to(found)
        self.environment = {
            "PATH": str(self.root / "bin"),
            "ROOT": str(self.root),
            "INSTALL_TOOLS_ROOT": str(self.root),
            "APT_HAS": "",
            "APT_UPDATE_STATUS": "0",
            "APT_HANGS_AT": "",
        }

    def put(self, name: str, text: str = "#!/bin/sh\n", folder: str = "bin") -> None:
        path = self.root / folder / PROGRAMS.get(name, name)
        path.write_text(text)
        path.chmod(0o755)

    def user(self, number: str) -> None:
        self.put("id", f'#!/bin/sh\n[ "$1" = -u ] && echo {number}\n')

    def apt(self, *has: str, update_status: int = 0) -> None:
        self.put("apt-get", APT_GET)
        self.environment |= {"APT_HAS": " ".join(has), "APT_UPDATE_STATUS": str(update_status)}

    @property
    def policy(self) -> Path:
        return self.root / "usr/sbin/policy-rc.d"

    @property
    def apt_said(self) -> list[str]:
        log = self.root / "apt.log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def installed(self) -> list[str]:
        return [line.split(" | ")[0].split()[-1] for line in self.apt_said if "install" in line]

    def run(self) -> list[str]:
        """Run the script and return its words; it may never fail nor speak on stderr."""
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def test_servers_of_postgresql_are_found_by_version(machine: Machine) -> None:
    machine.user(ROOT)
    machine.apt(*TOOLS)
    for tool in TOOLS[:-1]:
        machine.put(tool)
    folder = machine.root / "usr/lib/postgresql/15/bin"
    folder.mkdir(parents=True)
    machine.put("postgresql", folder="usr/lib/postgresql/15/bin")
    assert machine.run() == []
    assert machine.apt_said == []


def skips(words: Iterable[str]) -> list[str]:
    return [line.split()[1] for line in words if line.startswith("Without ")]


@pytest.mark.parametrize("user", [ROOT, PERSON])
@pytest.mark.parametrize("folder", ["bin", "usr/sbin", "usr/local/sbin"])
def test_where_nothing_is_missing_nothing_is_said_or_done(
    machine: Machine, user: str, folder: str
) -> None:
    machine.user(user)
    machine.apt(*TOOLS)
    machine.put("mosquitto", folder=folder)
    for tool in TOOLS[1:]:
        machine.put(tool)
    assert machine.run() == []
    assert machine.apt_said == []


@pytest.mark.parametrize("there", [(), ("strace",), ("mosquitto", "chromium")])
def test_root_gets_what_is_missing_and_no_service_starts(
    machine: Machine, there: tuple[str, ...]
) -> None:
    machine.user(ROOT)
    machine.apt(*TOOLS)
    for tool in there:
        machine.put(tool)
    lacking = [tool for tool in TOOLS if tool not in there]
    assert machine.run() == [f"Installing for the tests: {' '.join(lacking)}"]
    assert machine.installed == lacking
    assert machine.apt_said[0].startswith("update")
    assert all(line.endswith("| frontend=noninteractive | policy=yes") for line in machine.apt_said)
    assert not machine.policy.exists()


def test_without_root_nothing_is_installed_and_every_skip_is_said(machine: Machine) -> None:
    machine.user(PERSON)
    machine.apt(*TOOLS)
    machine.put("tshark")
    words = machine.run()
    assert machine.apt_said == []
    assert skips(words) == ["mosquitto", "chromium", "strace", "postgresql"]
    assert all("skipped: the " in line for line in words[:-1])
    assert words[-1] == "On Debian: sudo apt-get install mosquitto chromium strace postgresql"


def test_root_without_apt_is_told_the_same(machine: Machine) -> None:
    machine.user(ROOT)
    words = machine.run()
    assert skips(words) == list(TOOLS)
    assert not machine.policy.exists()


@pytest.mark.parametrize("update_status", [0, 100])
def test_where_apt_fails_for_one_the_others_come_all_the_same(
    machine: Machine, update_status: int
) -> None:
    machine.user(ROOT)
    machine.apt("mosquitto", "tshark", "strace", "postgresql", update_status=update_status)
    words = machine.run()
    assert machine.installed == list(TOOLS)
    assert skips(words) == ["chromium"]
    assert words[-1] == "On Debian: sudo apt-get install chromium"
    assert not machine.policy.exists()


def test_a_policy_of_the_machine_stays_and_a_left_one_of_ours_goes(machine: Machine) -> None:
    machine.user(ROOT)
    machine.apt()
    machine.put("policy-rc.d", "#!/bin/sh\nexit 104\n", folder="usr/sbin")
    machine.run()
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"
    made = SCRIPT.read_text().split('ours="')[1].split('"')[0]
    machine.put("policy-rc.d", f"#!/bin/sh\n# {made}\nexit 101\n", folder="usr/sbin")
    machine.run()
    assert not machine.policy.exists()


def test_a_folder_that_cannot_be_written_is_no_failure(machine: Machine) -> None:
    machine.user(ROOT)
    machine.apt(*TOOLS)
    (machine.root / "usr/sbin").rmdir()
    machine.run()
    assert machine.installed == list(TOOLS)


def is_asleep(pid_file: Path) -> bool:
    """Say whether the process whose number a file has is `sleep` by now."""
    pid = pid_file.read_text().strip() if pid_file.exists() else ""
    return bool(pid) and Path(f"/proc/{pid}/comm").read_text().strip() == "sleep"


def test_ended_in_the_middle_it_leaves_no_policy_behind(machine: Machine) -> None:
    machine.user(ROOT)
    machine.apt(*TOOLS)
    machine.environment["APT_HANGS_AT"] = "chromium"
    # a run in the background of a shell has SIGINT ignored, and so would the script
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        ["/bin/sh", str(SCRIPT)],
        env=machine.environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    try:
        until = time.monotonic() + 20
        # not before it sleeps: dash loses a signal that comes while it starts something
        while not is_asleep(machine.root / "apt.pid"):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        assert machine.policy.exists()
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C in a terminal reaches all of them
        assert process.wait(20) == 130
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert not machine.policy.exists()
