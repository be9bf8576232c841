"""`tillbox office load`: a shop's folder into the feeds of a running head office.

All is checked first, here and by head office; only then is anything changed. What is the
same already stays: a second load changes nothing.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.reference_data import FEED_ORDER, Feed, FeedPage, StaffMember
from edge.runtime.http_sessions import cookie_header
from edge.runtime.pin_hash import PinHasher
from edge.runtime.settings_file import require_tls
from edge.runtime.tls_contexts import client_context
from sync.office.feeds import Applied, NewItem
from sync.office.gate import OFFICE_COOKIE
from sync.office.office_api import NewBox, NewItems
from sync.office.sale_bodies import SaleBody, SalesBody
from sync.office.shop_folder import ShopFolder

_ITEMS_PER_REQUEST: Final = 500
_TIMEOUT_S: Final = 30.0
_FOR_ONE_STORE: Final = frozenset({Feed.CONFIG})
"""A profile is of one store; articles, prices and people are for all."""


@dataclass
class OfficeClient:
    """Speaks to a running head office as a signed-in person. Raises Refused, in its words."""

    url: str
    ca_file: Path | None = None
    _secret: str = ""
    _tls: ssl.SSLContext | None = field(default=None, repr=False)

    def sign_in(self, user: str, password: str) -> None:
        """Begin a session."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsInvalid(
                "url_malformed", f"{self.url!r} is no address like https://office.example:8090."
            )
        require_tls(parts.hostname, parts.scheme == "https", "Head office")
        if self.ca_file is not None:
            self._tls = client_context(self.ca_file)
        response = self._ask("POST", "/api/v1/session", {"user": user, "password": password})
        cookies = response.headers.get_all("Set-Cookie", [])
        prefix = f"{OFFICE_COOKIE}="
        self._secret = next(
            (
                cookie.removeprefix(prefix).partition(";")[0]
                for cookie in cookies
                if cookie.startswith(prefix)
            ),
            "",
        )

    def sign_out(self) -> None:
        """End the session."""
        self._ask("DELETE", "/api/v1/session")

    def put(self, feed: Feed, items: tuple[NewItem, ...], store: str, *, dry_run: bool) -> Applied:
        """Give keys new values, or only ask what would be."""
        scope = f"&store={store}" if feed in _FOR_ONE_STORE else ""
        path = f"/api/v1/feeds/{feed}?dry_run={'true' if dry_run else 'false'}{scope}"
        response = self._ask("PUT", path, NewItems(items))
        return msgspec.json.decode(response.body, type=Applied)

    def replace_box(self, store: str, box_key: str, gen: int) -> None:
        """Let another box go on with a store's history."""
        self._ask("PUT", f"/api/v1/stores/{store}/box", NewBox(box_key, gen))

    def confirm_box(self, store: str) -> None:
        """Let the next box of a store that lost its history have it."""
        self._ask("POST", f"/api/v1/stores/{store}/box/confirm")

    def staff(self) -> Iterator[StaffMember]:
        """Yield the people whom head office knows."""
        after, more = 0, True
        while more:
            response = self._ask("GET", f"/api/v1/feeds/{Feed.STAFF}?after={after}")
            page = msgspec.json.decode(response.body, type=FeedPage)
            for item in page.items:
                if not item.is_gone:
                    yield msgspec.json.decode(item.value, type=StaffMember)
            after, more = page.next, page.more

    def sales(self, store: str, from_day: str) -> Iterator[SaleBody]:
        """Yield the completed sales of a store since a business day, in order of arrival."""
        after = 0
        while True:
            path = f"/api/v1/sales?store={store}&from_day={from_day}&after={after}"
            page = msgspec.json.decode(self._ask("GET", path).body, type=SalesBody)
            if not page.sales:
                return
            yield from page.sales
            after = page.next

    def _ask(self, method: str, path: str, message: object = None) -> _Answer:
        headers = {"Origin": self.url.rstrip("/")}
        if self._secret:
            headers["Cookie"] = cookie_header({OFFICE_COOKIE: self._secret})
        if message is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310 - http or https, checked at sign-in
            self.url.rstrip("/") + path,
            data=None if message is None else msgspec.json.encode(message),
            headers=headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(  # noqa: S310 - as above
                request, timeout=_TIMEOUT_S, context=self._tls
            ) as response:
                return _Answer(response.read(), response.headers)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, HTTPException) as error:
            raise Refused(
                "office_not_running",
                f"Head office does not answer at {self.url}: {error}.",
                advice="Start it first, and check the address.",
            ) from None


@dataclass(frozen=True)
class _Answer:
    body: bytes
    headers: Any


def _refusal(error: urllib.error.HTTPError) -> Refused:
    with error:
        try:
            body = json.load(error)
            return Refused(body["code"], body["message"], advice=body["advice"], status=error.code)
        except (ValueError, KeyError, TypeError):
            return Refused(
                "office_refused", f"Head office answered with {error.code}.", status=error.code
            )


def load_folder(folder: Path, client: OfficeClient, hasher: PinHasher) -> dict[Feed, Applied]:
    """Load a shop's folder; return what changed, by feed. Raises Refused before any change."""
    shop = ShopFolder(folder)
    shop.read()
    known = {member.id: member.pin_hash for member in client.staff()}

    def hash_pin(person: str, pin: str) -> str:
        # every hash has a salt of its own: one that still fits stays, or nothing is ever the same
        stored = known.get(person)
        if stored and not hasher.outdated(stored) and hasher.verify_pin(stored, pin):
            return stored
        return hasher.hash_pin(pin)

    items = {**shop.items, Feed.STAFF: shop.staff_items(hash_pin)}
    for feed, part in _parts(items):
        for error in client.put(feed, part, shop.slug, dry_run=True).errors:
            shop.faults.append(f"feed {feed}, {error.key!r}: {error.reason}")
    shop.refuse_faults()
    done: dict[Feed, Applied] = {
        feed: Applied(0, 0, 0) for feed in FEED_ORDER if feed not in {Feed.URGENT, Feed.BOX_KEY}
    }
    for feed, part in _parts(items):
        applied = client.put(feed, part, shop.slug, dry_run=False)
        before = done[feed]
        done[feed] = Applied(
            before.changed + applied.changed, before.unchanged + applied.unchanged, applied.cursor
        )
    return done


def _parts(items: dict[Feed, list[NewItem]]) -> Iterator[tuple[Feed, tuple[NewItem, ...]]]:
    for feed in FEED_ORDER:
        for start in range(0, len(items.get(feed, [])), _ITEMS_PER_REQUEST):
            yield feed, tuple(items[feed][start : start + _ITEMS_PER_REQUEST])
