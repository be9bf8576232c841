"""What a person would do first, done for the demo: enrol a till, sign in, open head office."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp

from edge.contract.instant import Clock
from edge.demo.processes import DemoFailedError

_POLL_S = 0.1
_CODE_DAYS = 30


@dataclass
class WalkIn:
    """Speaks to the running demo over HTTP, as any client would."""

    client: aiohttp.ClientSession
    clock: Clock

    async def until_answers(self, url: str, *, what: str, seconds: float) -> Any:
        """Wait until an address answers 200 and return its JSON. Raises DemoFailedError."""
        last = "no answer"
        try:
            async with self.clock.timeout(seconds):
                while True:
                    try:
                        async with self.client.get(url) as response:
                            if response.status == 200:  # noqa: PLR2004 - OK
                                return await response.json()
                            last = (await response.text())[:400]
                    except aiohttp.ClientError as error:
                        last = str(error)
                    await self.clock.sleep(_POLL_S)
        except TimeoutError:
            raise DemoFailedError(
                "not_ready", f"{what} was not ready after {seconds:g} s: {last}"
            ) from None

    async def until_devices_well(
        self, origin: str, till: str, session: dict[str, str], *, seconds: float
    ) -> None:
        """Wait until every device of a till is ready. Raises DemoFailedError."""
        url = f"{origin}/api/v1/tills/{till}/view"
        devices: list[dict[str, Any]] = []
        try:
            async with self.clock.timeout(seconds):
                while not (devices and all(device["well"] for device in devices)):
                    async with self.client.get(url, headers=session) as response:
                        devices = (await response.json()).get("devices", [])
                    await self.clock.sleep(_POLL_S)
        except TimeoutError:
            ill = [f"{d['device_id']}: {d['words']}" for d in devices if not d["well"]]
            raise DemoFailedError(
                "devices_not_ready", f"Not all devices were ready: {'; '.join(ill)}"
            ) from None

    async def enrolment_code(self, origin: str, token: str, till: str) -> str:
        """Get a code that makes browsers a till: often and for long, since this is a demo."""
        body = {"till": till, "uses": 1_000, "valid_s": _CODE_DAYS * 86_400}
        headers = {"Authorization": f"Bearer {token}"}
        answer, _ = await self._post(f"{origin}/internal/v1/enrolment-codes", body, headers)
        code: str = answer["code"]
        return code

    async def till_session(
        self, origin: str, code: str, cashier: str, pin: str, kept: Path
    ) -> dict[str, str]:
        """Return headers of an enrolled till with a signed-in cashier; kept over restarts."""
        headers = _read(kept)
        if headers.get("Origin") == origin:
            async with self.client.get(f"{origin}/api/v1/session", headers=headers) as response:
                if response.status == 200 and (await response.json())["cashier"]:  # noqa: PLR2004
                    return headers
        own = {"Origin": origin}
        _, till = await self._post(
            f"{origin}/api/v1/enrol", {"code": code, "label": "demo script"}, own
        )
        with_till = {**own, "Cookie": _header(till)}
        _, signed_in = await self._post(
            f"{origin}/api/v1/session", {"cashier": cashier, "pin": pin}, with_till
        )
        headers = {**own, "Cookie": _header(till, signed_in)}
        _keep(kept, headers)
        return headers

    async def office_session(self, origin: str, user: str, password: str) -> dict[str, str]:
        """Return headers of a signed-in head-office user."""
        own = {"Origin": origin}
        _, cookies = await self._post(
            f"{origin}/api/v1/session", {"user": user, "password": password}, own
        )
        return {**own, "Cookie": _header(cookies)}

    async def _post(
        self, url: str, body: object, headers: dict[str, str]
    ) -> tuple[Any, SimpleCookie]:
        async with self.client.post(url, json=body, headers=headers) as response:
            answer = await response.json()
            if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
                raise DemoFailedError("refused", f"{url}: {answer.get('message', answer)}")
            return answer, response.cookies


def _read(file: Path) -> dict[str, str]:
    headers: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return headers


def _keep(file: Path, headers: dict[str, str]) -> None:
    draft = file.with_suffix(".draft")  # a demo killed here leaves no half of it
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(headers))
    draft.replace(file)


def _header(*jars: SimpleCookie) -> str:
    return "; ".join(f"{name}={morsel.value}" for jar in jars for name, morsel in jar.items())
