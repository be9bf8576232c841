"""A till of the box in the machine: TLS that is checked, an enrolment, a cashier, commands."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import uuid
from typing import Any

from tests.image.guest import Guest, until

NAME = "shop.example"
TILL = "till-1"
ARTICLE, ARTICLE_NAME = "9520000237578", "Sourdough loaf"
_CALL_S = 60
_SLOW_S = 100


class TillClient:
    """Calls the box by its name, through the port that QEMU forwards to its 443."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._trust: ssl.SSLContext | None = None
        self._headers = {"Origin": f"https://{NAME}"}

    @property
    def trusts(self) -> bool:
        """Say whether the shop's authority is known here."""
        return self._trust is not None

    def trust(self, authority_pem: str) -> None:
        """Trust the shop's authority, and no other."""
        self._trust = ssl.create_default_context(cadata=authority_pem)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any, list[str]]:
        """Return status, JSON and cookies of one request. Raises OSError."""
        assert self._trust is not None
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=_CALL_S)
        call = http.client.HTTPConnection(NAME)
        try:
            call.sock = self._trust.wrap_socket(plain, server_hostname=NAME)
            headers = {**self._headers, "Content-Type": "application/json"}
            call.request(method, path, None if body is None else json.dumps(body), headers)
            response = call.getresponse()
            text = response.read()
            cookies = [
                each.partition(";")[0] for each in response.headers.get_all("Set-Cookie", [])
            ]
            return response.status, json.loads(text), cookies
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            call.close()
            plain.close()

    def is_answered(self) -> bool:
        """Say whether the box answers; it is not well before it has the shop's data (503)."""
        return self.call("GET", "/health")[0] in {200, 503}

    def sign_in(self, guest: Guest, cashier: str, pin: str) -> None:
        """Become a till, and let a cashier in."""
        said = guest.told("tillbox edge --config /etc/tillbox/edge.toml enrol --till till-1")
        code = said.removeprefix("Code: ").split()[0]
        cookies = []
        for path, body in (
            ("/api/v1/enrol", {"code": code, "label": "a test"}),
            ("/api/v1/session", {"cashier": cashier, "pin": pin}),
        ):
            status, answer, made = self.call("POST", path, body)
            assert status < 300, answer
            cookies += made
            self._headers["Cookie"] = "; ".join(cookies)

    def view(self) -> dict[str, Any]:
        """Return what the till shows."""
        status, view, _ = self.call("GET", f"/api/v1/tills/{TILL}/view")
        assert status == 200, view
        return dict(view)

    def until_view(self, condition: Any, *, what: str) -> dict[str, Any]:
        """Wait until the till shows it."""
        seen: dict[str, Any] = {}

        def attempt() -> bool:
            seen.clear()
            seen.update(self.view())
            return bool(condition(seen))

        try:
            until(attempt, what=what, seconds=_SLOW_S)
        except AssertionError as error:
            print(f"{error}; last seen: {json.dumps(seen)[:3000]}")
            raise
        return dict(seen)

    def give(self, wanted: str, *, command_id: str = "", **fields: Any) -> tuple[int, Any]:
        """Give a command once. Raises OSError when the answer is lost."""
        body = {"command_id": command_id or str(uuid.uuid4()), "type": wanted, **fields}
        status, answer, _ = self.call("POST", f"/api/v1/tills/{TILL}/commands", body)
        return status, answer

    def done(self, wanted: str, **fields: Any) -> dict[str, Any]:
        """Give a command that must be done; return the view."""
        status, answer = self.give(wanted, **fields)
        assert status == 200, answer
        return dict(answer)

    def sell_for_cash(self, code: str) -> str:
        """Sell one article for cash; return the sale's id, which the box has acknowledged."""
        view = self.done("add_item", code=code)
        sale = str(view["sale_id"])
        while view["state"] != "done":
            view = self.done("take_cash", amount_minor=view["due_minor"])
        return sale
