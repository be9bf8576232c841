"""Who may do what at a till: devices are enrolled by a person, cashiers sign in with a PIN.

Secrets are kept as SHA-256 only; PINs as argon2id with a pepper outside every database.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from edge.contract.device_events import TechnicianSignedIn, TechnicianSignedOut
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    ENROL_CODE_S_MAX,
    ENROL_TRIES_PER_HOUR_MAX,
    PIN_WRONG_PER_HOUR_MAX,
    PIN_WRONG_PER_TILL_PER_HOUR_MAX,
    STAFF_LIST_AGE_S_MAX,
)
from edge.contract.permissions import Verdict, verdict
from edge.contract.reference_data import StaffMember
from edge.contract.session_views import (
    ApprovalRequest,
    CashierView,
    EnrolRequest,
    ForeignCashView,
    SessionView,
    SignInRequest,
    TipsView,
)
from edge.contract.system_events import (
    ApprovalGiven,
    CashierSignedIn,
    CashierSignedOut,
    SignInLocked,
    TillEnrolled,
)
from edge.contract.technician_views import TechnicianView
from edge.engine.circumstances import Approval
from edge.flows.sign_in_purposes import DEVICES, PURPOSES, SELLING, Purpose
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record
from edge.reference.store import ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.http_sessions import secret_hash
from edge.runtime.migrations import Migration
from edge.runtime.pin_hash import PinHasher, WrongTries

SITE_MIGRATIONS: Final = (
    Migration(
        1,
        """
        CREATE TABLE session (
            token_sha256 TEXT PRIMARY KEY,
            device       TEXT NOT NULL,      -- SHA-256 of the till's enrolment secret
            till         TEXT NOT NULL,
            cashier      TEXT NOT NULL,
            started_at   INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    Migration(2, "ALTER TABLE session ADD COLUMN purpose TEXT NOT NULL DEFAULT 'till'"),
)
_TRIES: Final = {
    "person": PIN_WRONG_PER_HOUR_MAX,
    "till": PIN_WRONG_PER_TILL_PER_HOUR_MAX,
    "address": ENROL_TRIES_PER_HOUR_MAX,
}
_LOCKED_WORDS: Final = {
    "person": ("pin_locked_person", "Too many wrong PINs for this person."),
    "till": ("pin_locked_till", "Too many wrong PINs at this till."),
    "address": ("enrol_locked", "Too many wrong enrolment codes from this address."),
}
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class EnrolledDevice:
    """A screen that was admitted as a till; `digest` is the SHA-256 of its secret."""

    till: str
    digest: str


@dataclass
class CashierSession:
    """A person signed in on an enrolled device, for one purpose."""

    digest: str
    device: str
    till: str
    cashier: str
    started_at: int
    used_at_monotonic: int
    purpose: Purpose = SELLING


@dataclass
class EnrolmentCode:
    """A code that a person reads off one screen and types into another.

    `till` fixes which till it makes; None leaves it to the request. `uses` left.
    """

    till: str | None
    uses: int
    expires_at_monotonic: int


@dataclass
class Access:
    """Enrolments, sign-ins and sessions of one box."""

    ledger: Ledger
    reference: ReferenceStore
    site: DatabaseFile
    hasher: PinHasher
    clock: Clock
    ids: Ids
    tills: tuple[str, ...]
    _devices: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, CashierSession] = field(default_factory=dict)
    _codes: dict[str, EnrolmentCode] = field(default_factory=dict)
    _wrong: dict[str, WrongTries] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One PIN at a time is checked and counted: tries side by side do not slip through."""
    _checking: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="pin")
    )

    async def open(self) -> None:
        """Read who is enrolled and who is signed in: a restart signs nobody out."""
        await self.site.open()
        self._wrong = {
            kind: WrongTries(self.clock, per_hour_max=per_hour_max)
            for kind, per_hour_max in _TRIES.items()
        }
        self._devices = await self.ledger.enrolments()
        rows = await self.site.read(
            lambda db: db.execute(
                "SELECT token_sha256, device, till, cashier, started_at, purpose FROM session"
            ).fetchall()
        )
        now = self.clock.monotonic_ms()
        self._sessions = {
            row[0]: CashierSession(row[0], row[1], row[2], row[3], row[4], now, PURPOSES[row[5]])
            for row in rows
            if row[5] in PURPOSES
        }

    async def close(self) -> None:
        """Close the site file; safe to call twice."""
        self._checking.shutdown(wait=False, cancel_futures=True)
        await self.site.close()

    # --- devices --------------------------------------------------------------------------

    def make_code(
        self, till: str | None, *, uses: int = 1, valid_s: float = ENROL_CODE_S_MAX
    ) -> str:
        """Return a new enrolment code; a person carries it to the device."""
        if till is not None:
            self._check_till(till)
        code = self.ids.code()
        expires = self.clock.monotonic_ms() + int(valid_s * 1000)
        self._codes[code] = EnrolmentCode(till, uses, expires)
        return code

    async def enrol(self, request: EnrolRequest, address: str) -> tuple[EnrolledDevice, str]:
        """Admit a device with a code; return it and the secret for its cookie.

        Raises Refused for a wrong or spent code, too many wrong ones from this address, or an
        unknown till.
        """
        # per address: a stranger who guesses codes must not keep the shop from adding a till
        self._check_tries("address", address)
        now = self.clock.monotonic_ms()
        self._codes = {
            code: kept
            for code, kept in self._codes.items()
            if kept.uses > 0 and kept.expires_at_monotonic > now
        }
        kept = self._codes.get(request.code.upper().replace("-", "").replace(" ", ""))
        if kept is None:
            self._wrong["address"].note(address)
            raise Refused(
                "enrol_code_wrong",
                "This code is not valid, or not any more.",
                advice="Ask for a new code at the box and type it within 15 minutes.",
                status=403,
            )
        till = kept.till or request.till or self.tills[0]
        self._check_till(till)
        kept.uses -= 1
        secret = self.ids.secret()
        device = EnrolledDevice(till, secret_hash(secret))
        label = request.label or address
        await self._record(
            TillEnrolled(till=till, label=label, secret_sha256=device.digest), till, ""
        )
        self._devices[device.digest] = till
        return device, secret

    def _check_till(self, till: str) -> None:
        if till not in self.tills:
            raise Refused(
                "unknown_till",
                f"This store has no till {till}.",
                advice=f"Its tills are: {', '.join(self.tills)}.",
                status=404,
            )

    def device(self, secret: str | None) -> EnrolledDevice | None:
        """Return the enrolled device that a secret belongs to."""
        if not secret:
            return None
        known = secret_hash(secret)
        till = self._devices.get(known)
        return None if till is None else EnrolledDevice(till, known)

    # --- cashiers -------------------------------------------------------------------------

    def session(
        self, token: str | None, device: EnrolledDevice, purpose: Purpose = SELLING
    ) -> CashierSession | None:
        """Return the session of a token on this very device; None when over or foreign."""
        if not token:
            return None
        session = self._sessions.get(secret_hash(token))
        if session is None or session.device != device.digest or session.purpose is not purpose:
            return None
        return session if self._in_use(session) else None

    def cashier_of(self, till: str) -> str | None:
        """Return who signed in last at a till: whose scans they are. A scan is use of it."""
        newest = self._newest(till)
        return newest.cashier if newest is not None and self._in_use(newest) else None

    def language_of(self, till: str) -> str | None:
        """Return the language of who is signed in at a till, None for nobody. It is no use."""
        newest = self._newest(till)
        holds = newest is not None and self._holds(newest, self.clock.monotonic_ms())
        member = self.reference.staff_member(newest.cashier) if newest and holds else None
        return None if member is None else member.language

    def _newest(self, till: str) -> CashierSession | None:
        sessions = [
            session
            for session in self._sessions.values()
            if session.till == till and session.purpose is SELLING
        ]
        return max(sessions, key=lambda session: session.started_at, default=None)

    def _in_use(self, session: CashierSession) -> bool:
        """Say whether a session still holds, and count this as use of it."""
        now = self.clock.monotonic_ms()
        if not self._holds(session, now):
            return False
        session.used_at_monotonic = now
        return True

    def holds(self, session: CashierSession) -> bool:
        """Say whether a session that was found before is not over yet. It is no use of it."""
        open_yet = self._sessions.get(session.digest) is session
        return open_yet and self._holds(session, self.clock.monotonic_ms())

    def _holds(self, session: CashierSession, now: int) -> bool:
        purpose = session.purpose
        idle = now - session.used_at_monotonic > purpose.idle_s_max * 1000
        old = self.clock.now_ms() - session.started_at > purpose.s_max * 1000
        member = self.reference.staff_member(session.cashier)
        revoked = member is None or member.role not in purpose.roles
        return not (idle or old or revoked)

    async def sign_in(
        self, device: EnrolledDevice, request: SignInRequest, purpose: Purpose = SELLING
    ) -> tuple[CashierSession, str]:
        """Check a PIN and open a session; return it and the token for its cookie.

        A wrong PIN and an unknown person get one answer, after the same work. Raises
        Refused for both, and for too many tries by person or by till.
        """
        _ = await self._who_types(device.till, request.cashier, request.pin, purpose)
        token = self.ids.secret()
        session = CashierSession(
            secret_hash(token),
            device.digest,
            device.till,
            request.cashier,
            self.clock.now_ms(),
            self.clock.monotonic_ms(),
            purpose,
        )
        await self._open_session(session)
        return session, token

    async def approve(
        self, session: CashierSession, request: ApprovalRequest
    ) -> tuple[str, Approval]:
        """Check the PIN of a second person and return what they allow, under a new id.

        Raises Refused for oneself, a wrong PIN, too many tries, and a person who may not
        allow it.
        """
        if request.approver == session.cashier:
            raise Refused(
                "approver_is_self",
                "Nobody approves what they do themselves.",
                advice="Ask a second person.",
            )
        member = await self._who_types(session.till, request.approver, request.pin)
        if verdict(member.role, request.permission) is not Verdict.ALLOWED:
            raise Refused(
                "approver_may_not",
                f"{member.name} may not approve this.",
                advice="Ask a supervisor.",
                params={"name": member.name},
            )
        given = ApprovalGiven(
            permission=request.permission, approver=member.id, cashier=session.cashier
        )
        await self._record(given, session.till, session.cashier)
        return self.ids.new(), Approval(request.permission, member.id)

    async def _who_types(
        self, till: str, person: str, pin: str, purpose: Purpose = SELLING
    ) -> StaffMember:
        """Return whose PIN this is. Trying and counting are one turn: none is tried unseen."""
        async with self._turn:
            self._check_tries("person", person)
            self._check_tries("till", till)
            member = self.reference.staff_member(person)
            if member is not None and member.role not in purpose.roles:
                member = None
            if not await self._pin_fits(member, pin) or member is None:
                await self._count_wrong(till, person)
                raise Refused(
                    "pin_wrong",
                    "The PIN does not fit.",
                    advice="Type it again. After five wrong PINs in an hour it is locked for the "
                    "rest.",
                    status=403,
                )
            self._wrong["person"].forget(person)
            return member

    async def _pin_fits(self, member: StaffMember | None, pin: str) -> bool:
        stored = member.pin_hash if member is not None else None
        # argon2id takes a tenth of a second: one at a time, beside the loop
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._checking, self.hasher.verify_pin, stored, pin)

    def _check_tries(self, kind: str, key: str) -> None:
        wait_ms = self._wrong[kind].locked_for_ms(key)
        if wait_ms > 0:
            code, words = _LOCKED_WORDS[kind]
            minutes = -(-wait_ms // _MINUTE_MS)
            raise Refused(
                code,
                words,
                advice=f"It opens again in {minutes} min. Others can go on meanwhile.",
                status=429,
                params={"minutes": str(minutes)},
            )

    async def _count_wrong(self, till: str, cashier: str) -> None:
        for kind, key in (("person", cashier), ("till", till)):
            if self._wrong[kind].note(key):
                await self._record(SignInLocked(cashier=cashier, scope=kind), till, "")

    async def _open_session(self, session: CashierSession) -> None:
        age_ms = self.clock.now_ms() - self.reference.staff_taken_at
        stale = age_ms > STAFF_LIST_AGE_S_MAX * 1000
        signed_in = (
            CashierSignedIn(cashier=session.cashier, stale_staff_list=stale)
            if session.purpose is SELLING
            else TechnicianSignedIn(person=session.cashier, stale_staff_list=stale)
        )
        await self._record(signed_in, session.till, session.cashier)
        replaced = [
            old
            for old in self._sessions.values()
            if old.device == session.device and old.purpose is session.purpose
        ]

        def unit(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "DELETE FROM session WHERE token_sha256 = ?", [(old.digest,) for old in replaced]
            )
            connection.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)",
                (
                    session.digest,
                    session.device,
                    session.till,
                    session.cashier,
                    session.started_at,
                    session.purpose.name,
                ),
            )

        await self.site.write(unit)
        for old in replaced:
            self._sessions.pop(old.digest, None)
        self._sessions[session.digest] = session

    async def sign_out(self, session: CashierSession) -> None:
        """End a session."""
        self._sessions.pop(session.digest, None)
        await self.site.write(
            lambda db: db.execute("DELETE FROM session WHERE token_sha256 = ?", (session.digest,))
        )
        signed_out = (
            CashierSignedOut(cashier=session.cashier)
            if session.purpose is SELLING
            else TechnicianSignedOut(person=session.cashier)
        )
        await self._record(signed_out, session.till, session.cashier)

    # --- views ----------------------------------------------------------------------------

    def view(self, device: EnrolledDevice, session: CashierSession | None) -> SessionView:
        """Return what an enrolled device may know of itself and of who may sign in."""
        store = self.reference.store if self.reference.has_store else None
        member = self.reference.staff_member(session.cashier) if session else None
        rates = store.foreign_cash if store else ()
        return SessionView(
            device.till,
            self.ledger.identity.store,
            store.name if store else "",
            store.currency if store else "",
            cashier_view(member) if member else None,
            self._who_may(SELLING),
            self.tills,
            store.cash_step_minor if store else 0,
            tuple(ForeignCashView(each.currency, each.rate_ppm) for each in rates),
            TipsView(store.tips.offers_ppm) if store and store.tips else None,
        )

    def technician_view(
        self, device: EnrolledDevice, session: CashierSession | None
    ) -> TechnicianView:
        """Return what the device wall of an enrolled device may know before a PIN."""
        member = self.reference.staff_member(session.cashier) if session else None
        return TechnicianView(
            device.till,
            self.reference.store.name if self.reference.has_store else "",
            cashier_view(member) if member else None,
            self._who_may(DEVICES),
        )

    def _who_may(self, purpose: Purpose) -> tuple[CashierView, ...]:
        return tuple(cashier_view(m) for m in self.reference.staff if m.role in purpose.roles)

    async def _record(self, event: Event, till: str, actor: str) -> None:
        await self.ledger.record(Record((event,), till, actor))


def cashier_view(member: StaffMember) -> CashierView:
    """Return a person as screens see them."""
    return CashierView(member.id, member.name, member.role, member.language)
