"""The real `tillbox office` of a run: set up, started, killed, and looked at from outside."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sqlite3
import statistics
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.runtime.keys import load_or_create_key
from edge.runtime.pin_hash import load_pepper
from edge.runtime.system_clock import SystemClock
from sync.office.database import office_database
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.replicator.settings import SESSION_PATH
from tests.bench.processes import Program, cpu_s, free_port
from tests.fleet.simulated_shop import box_key, slug

_SAMPLE_S = 0.25
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_LISTENING_S = 60.0


@dataclass
class Sample:
    """The office at an instant: memory, processor seconds, frames taken in and projected."""

    at: float
    rss_kib: int
    cpu_s: float
    frames: int
    projected: int


@dataclass
class OfficeProcess:
    """`tillbox office` in a folder, for `shops` stores."""

    folder: Path
    shops: int
    port: int = field(default_factory=free_port)
    samples: list[Sample] = field(default_factory=list)
    _program: Program | None = None
    _sampler: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def database(self) -> Path:
        """Its file."""
        return self.folder / "office" / "office.db"

    @property
    def session_url(self) -> str:
        """Where boxes call."""
        return f"ws://127.0.0.1:{self.port}{SESSION_PATH}"

    def set_up(self) -> str:
        """Make its files and register all stores; return its public key, hexadecimal."""
        (self.folder / "office").mkdir(parents=True)
        key = load_or_create_key(self.folder / "office.key")
        load_pepper(self.folder / "pepper")
        settings = self.folder / "office.toml"
        settings.write_text(
            f'data_dir = "{self.folder}/office"\npepper_file = "{self.folder}/pepper"\n'
            f'signing_key_file = "{self.folder}/office.key"\n[web]\nport = {self.port}\n'
        )
        asyncio.run(self._register())
        return key.public.hex

    async def _register(self) -> None:
        file = office_database(self.database)
        await file.open()
        directory = StoreDirectory(file, SystemClock())
        await asyncio.gather(
            *(
                directory.add(
                    RegisteredStore(
                        number, slug(number), f"Shop {number}", box_key(number).public.hex, 1
                    )
                )
                for number in range(1, self.shops + 1)
            )
        )
        await file.close()

    def start(self) -> None:
        """Start it and wait until it listens."""
        words = [sys.executable, "-m", "edge.cli", "office"]
        self._program = Program(
            "office",
            [*words, "--config", str(self.folder / "office.toml")],
            self.folder / "office.log",
        )
        self._program.start()
        deadline = time.monotonic() + _LISTENING_S
        while not self._listens():
            assert time.monotonic() < deadline, self._program.tail()
            time.sleep(0.02)
        if self._sampler is None:
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._program is not None
        program, self._program = self._program, None
        program.stop(signal.SIGKILL)

    def close(self) -> None:
        """End it and its sampler."""
        self._stop.set()
        if self._sampler is not None:
            self._sampler.join()
        if self._program is not None:
            program, self._program = self._program, None
            program.stop()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _sample(self) -> None:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as file:
            while not self._stop.wait(_SAMPLE_S):
                if (program := self._program) is None:
                    continue
                try:
                    rss = int(Path(f"/proc/{program.pid}/statm").read_text().split()[1])
                    used = cpu_s(program.pid)
                    frames, projected = standing(file)
                except (OSError, ValueError, IndexError, sqlite3.Error):
                    continue  # it was killed this very moment
                self.samples.append(
                    Sample(time.monotonic(), rss * _PAGE_KIB, used, frames, projected)
                )

    def between(self, begun: float, ended: float) -> dict[str, Any]:
        """Return what was seen of it in a window of the monotonic clock."""
        seen = [sample for sample in self.samples if begun <= sample.at <= ended]
        if len(seen) < 2:
            return {}
        cpu = sum(max(0.0, b.cpu_s - a.cpu_s) for a, b in itertools.pairwise(seen))
        lags = [sample.frames - sample.projected for sample in seen]
        return {
            "rss_mib_first": round(seen[0].rss_kib / 1024, 1),
            "rss_mib_last": round(seen[-1].rss_kib / 1024, 1),
            "rss_mib_most": round(max(sample.rss_kib for sample in seen) / 1024, 1),
            "cpu_s": round(cpu, 2),
            "cpu_share": round(cpu / (seen[-1].at - seen[0].at), 2),
            "projector_lag_frames_most": max(lags),
            "projector_lag_frames_median": statistics.median(lags),
        }


def standing(file: sqlite3.Connection) -> tuple[int, int]:
    """Return the newest frame's position and the projection's."""
    [frames] = file.execute("SELECT coalesce(max(position), 0) FROM frame").fetchone()
    row = file.execute("SELECT position FROM projection WHERE name = 'sales'").fetchone()
    return int(frames), int(row[0]) if row else 0
