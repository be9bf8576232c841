"""A crowd in a supermarket: seeded customers at many tills, who do all that customers do."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.whole_shop.demo_shop import Shop, eventually

LOOSE: Final = ("101", "102", "103", "105", "106")
OFFERED: Final = ("100054", "100057", "100056", "100039")
UNCHECKED: Final = ("gift_card", "points", "house_account", "voucher", "manual_card")
CUSTOMERS: Final = ("K7Q4-M2XD", "9520009000029")
FOR_STAFF: Final = ("100009", "100014")
"""Articles that are cheaper for the second of the customers."""
COUPONS: Final = ("WELCOME-2K7F", "WELCOME-5M9Q", "WELCOME-8T3X", "9900000000011")
GROWN_UP: Final = ("100147", "100156", "100325")
DEPARTMENTS: Final = ("100320", "100321")
EMPTIES: Final = ("100323", "100324")
CASHIERS: Final = ("marta", "joao", "li-na")
SUPERVISOR: Final = "pawel"
Body = dict[str, Any]
TURNED_DOWN: Final = 409


@dataclass
class Crowd:
    """What the customers of all tills share. `done` are the views of the sales that ended."""

    done: list[Body] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)


@dataclass
class Checkout:
    """One till, the person at it, and the customers that chance sends there."""

    shop: Shop
    crowd: Crowd
    chance: random.Random
    hardware: bool = False

    # --- wishes ---------------------------------------------------------------------------

    async def wish(self, wanted: str, /, **fields: Any) -> Body | None:
        """Ask for something, with a supervisor where one is needed; None if it was refused."""
        permission = ""
        status, body = await self.shop.insist(wanted, **fields)
        while status == TURNED_DOWN and body["code"] in {"needs_approval", "approval_over"}:
            # a box that starts anew knows no approval: it is given again
            permission = body["params"].get("permission", permission)
            approval = await self._approval(permission)
            status, body = await self.shop.insist(wanted, approval=approval, **fields)
            self.crowd.did["approved"] += status == 200
        if status != 200:
            assert status in {TURNED_DOWN, 404}, (wanted, fields, body)
            self.crowd.did[f"refused: {body['code']}"] += 1
            return None
        self.crowd.did[wanted] += 1
        return body

    async def must(self, wanted: str, /, **fields: Any) -> Body:
        view = await self.wish(wanted, **fields)
        assert view is not None, (wanted, fields, self.crowd.did)
        return view

    async def _approval(self, permission: str) -> str:
        ready = self.shop.ready
        body = {"approver": SUPERVISOR, "pin": ready["pins"][SUPERVISOR], "permission": permission}

        async def attempt() -> str | None:
            async with self.shop.client.post(
                f"{ready['edge_api']}/api/v1/tills/{ready['till']}/approvals",
                json=body,
                headers=ready["session"],
            ) as response:
                answer = await response.json()
                assert response.status == 200, answer
                return str(answer["approval"])

        return str(await self.shop.answered(attempt, what="an approval"))

    async def _receipt(self, number: str) -> Body:
        ready = self.shop.ready

        async def attempt() -> Body:
            async with self.shop.client.get(
                f"{ready['edge_api']}/api/v1/receipts/{number}", headers=ready["session"]
            ) as response:
                body: Body = await response.json()
                assert response.status == 200, body
                return body

        body: Body = await self.shop.answered(attempt, what=f"receipt {number}")
        return body

    # --- customers ------------------------------------------------------------------------

    async def serve(self, customers: int) -> None:
        """Serve one customer after the other."""
        for _ in range(customers):
            await self.customer()

    async def customer(self) -> None:
        """Serve whoever comes: most buy, some bring back, some change their minds."""
        view = await self.shop.view()
        waiting = [each["sale_id"] for each in view["parked"]]
        if waiting and self.chance.random() < 0.6:
            if await self.wish("resume", sale_id=self.chance.choice(waiting)):
                await self._finish()
            return
        plan = self.chance.choices(
            (
                self._buy,
                self._bring_back,
                self._exchange,
                self._without_receipt,
                self._change_mind,
                self._practise,
                self._want_a_copy,
            ),
            (60, 14, 8, 6, 6, 3, 3),
        )[0]
        await plan()

    async def serve_until_did(self, wanted: AbstractSet[str], most: int) -> None:
        """Serve more customers until all of this was done by somebody, who is rare first."""
        rare = {
            "abandon": self._change_mind,
            "begin_training": self._practise,
            "print_gift_receipt": self._want_a_copy,
            "reprint_receipt": self._want_a_copy,
            "return_item": self._without_receipt,
            "return_line": self._bring_back,
            "return_tip": self._regret_the_tip,
            "own_price": self._work_here,
        }
        for _ in range(most):
            missing = wanted - self.crowd.did.keys()
            if not missing:
                return
            plan = next((rare[each] for each in sorted(missing) if each in rare), self.customer)
            await plan()

    async def finish_parked(self) -> None:
        """Sell what was set aside and nobody came back for yet."""
        while waiting := (await self.shop.view())["parked"]:
            await self.must("resume", sale_id=waiting[0]["sale_id"])
            await self._finish()

    async def _buy(self) -> None:
        await self._fill()
        if self.chance.random() < 0.15 and await self.wish("park", label="back in a minute"):
            return
        await self._finish()

    async def _change_mind(self) -> None:
        await self._fill()
        await self.must("abandon", reason="changed their mind")

    async def _work_here(self) -> None:
        """Buy what the staff has a price of its own for, and say so last."""
        await self.must("add_item", code=self.chance.choice(FOR_STAFF), quantity=2000)
        view = await self.must("set_customer", customer=CUSTOMERS[1])
        sources = {each["source"] for line in view["lines"] for each in line["reductions"]}
        assert "price_book" in sources, view["lines"]
        self.crowd.did["own_price"] += 1
        await self._finish()

    async def _bring_back(self) -> None:
        if await self._take_back():
            await self._finish()

    async def _regret_the_tip(self) -> None:
        """Somebody typed more than was meant: the goods stay sold."""
        tipped = [each["receipt_number"] for each in self.crowd.done if each["tip_minor"] > 0]
        if tipped and await self._tip_back(self.chance.choice(tipped)):
            await self._finish()

    async def _exchange(self) -> None:
        if await self._take_back():
            await self._fill(most=2)
            await self._finish()

    async def _without_receipt(self) -> None:
        await self.must("return_item", code=self._code(), quantity=1000, reason="a gift")
        await self._finish()

    async def _practise(self) -> None:
        """Ring up something that no figure may know of; a box that dies forgets the sale of it."""
        if await self.wish("begin_training") is None:
            return
        await self.wish("add_item", code=self._code())
        for wanted, fields in (
            ("set_customer", {"customer": CUSTOMERS[0]}),
            ("add_coupon", {"code": self.chance.choice(COUPONS)}),
            ("add_item", {"code": self.chance.choice(GROWN_UP)}),
            ("add_item", {"code": DEPARTMENTS[0], "price_minor": 250}),
            ("add_item", {"code": "100326", "serial": "S-0"}),
            ("return_empties", {"code": EMPTIES[0]}),
        ):
            await self.wish(wanted, **fields)
        await self._show_age()
        await self.wish("take_cash", amount_minor=200_000)
        state = (await self.shop.view())["state"]
        if state == "done":
            await self.wish("next_sale")
        elif state == "open":
            await self.wish("abandon", reason="practised enough")
        await self.must("end_training")

    async def _want_a_copy(self) -> None:
        if self.crowd.done and self.hardware:
            number = self.chance.choice(self.crowd.done)["receipt_number"]
            await self.wish(
                self.chance.choice(("reprint_receipt", "print_gift_receipt")), receipt=number
            )

    async def _take_back(self) -> bool:
        """Return whether something came back of an earlier sale."""
        if not self.crowd.done:
            return False
        number = self.chance.choice(self.crowd.done)["receipt_number"]
        came = False
        for line in (await self._receipt(number))["lines"]:
            rest = line["returnable"]
            if rest <= 0 or self.chance.random() < 0.4:
                continue
            part = rest if self.chance.random() < 0.6 else max(1, rest // 2)
            if line["unit"] == "piece":
                part = max(1000, part // 1000 * 1000)
            came |= await self._return(number, line["line_id"], part)
        if came and self.chance.random() < 0.5:
            await self._tip_back(number)
        return came

    async def _tip_back(self, number: str) -> bool:
        if not (await self._receipt(number))["tip_back_minor"]:
            return False
        return await self.wish("return_tip", receipt=number, reason="mistyped") is not None

    async def _return(self, number: str, line_id: str, quantity: int) -> bool:
        view = await self.wish(
            "return_line", receipt=number, line_id=line_id, quantity=quantity, reason="too small"
        )
        return view is not None

    def _code(self) -> str:
        return str(self.chance.choice(self.shop.goods[:10])["code"])

    async def _fill(self, most: int = 6) -> None:
        """Put goods in the basket, and second thoughts."""
        view = await self.must("add_item", code=self._code())
        if self.chance.random() < 0.5:
            await self._more()
            view = await self.shop.view()
        for _ in range(self.chance.randrange(most)):
            kind = self.chance.random()
            if kind < 0.5:
                view = await self.must("add_item", code=self._code())
            elif kind < 0.7:
                grams = self.chance.randrange(50, 2500)
                view = await self.must("add_item", code=self.chance.choice(LOOSE), quantity=grams)
            elif kind < 0.85:
                count = 1000 * self.chance.randrange(1, 4)
                code = self.chance.choice(OFFERED)
                view = await self.must("add_item", code=code, quantity=count)
            elif self.hardware:
                view = await self._weigh()
            view = await self._second_thought(view)

    async def _more(self) -> None:
        """Say who they are, show a coupon, or want what asks for something."""
        kind = self.chance.random()
        if kind < 0.2:
            await self.wish("set_customer", customer=self.chance.choice(CUSTOMERS))
        elif kind < 0.35:
            await self.wish("add_coupon", code=self.chance.choice(COUPONS))
        elif kind < 0.6:
            count = 1000 * self.chance.randrange(1, 4)
            await self.must("add_item", code=self.chance.choice(GROWN_UP), quantity=count)
            await self._show_age()
        elif kind < 0.75:
            price = self.chance.randrange(1, 3000)
            await self.must("add_item", code=self.chance.choice(DEPARTMENTS), price_minor=price)
        elif kind < 0.85:
            number = f"S-{self.chance.randrange(1 << 40):x}"
            await self.must("add_item", code="100326", serial=number)
            await self.must("add_item", code="100327", lot=f"L-{number}")
        else:
            count = 1000 * self.chance.randrange(1, 9)
            code = self.chance.choice(EMPTIES)
            await self.must("return_empties", code=code, quantity=count)

    async def _show_age(self) -> None:
        """Look old enough, show a document, or go without."""
        asked = (await self.shop.view())["age_check"]
        if asked is None:
            return
        kind = self.chance.random()
        if kind < 0.2:
            await self.wish("refuse_age", minimum_age=asked["minimum_age"])
        elif kind < 0.5:
            birth = asked["born_by"]
            await self.wish("confirm_age", minimum_age=asked["minimum_age"], birth_date=birth)
        elif kind < 0.8:
            await self.wish("confirm_age", minimum_age=asked["minimum_age"])

    async def _weigh(self) -> Body:
        """Weigh what lies on the scale; each weight is another one, so that it is taken."""
        grams = self.chance.randrange(100, 3000)
        await self.shop.counter("POST", "scale", {"grams": 0})
        await self._until_scale(0)
        await self.shop.counter("POST", "scale", {"grams": grams})
        await self._until_scale(grams)
        await self.must("weigh_item", code=self.chance.choice(LOOSE), tare_g=10, shown_g=grams)
        return await self.shop.until_view(
            lambda view: view["weighing"] is None, what="what was weighed"
        )

    async def _until_scale(self, grams: int) -> None:
        def rests(view: Body) -> bool:
            scale = next(each for each in view["devices"] if each["role"] == "scale")
            return bool(scale["weight_g"] == grams and scale["weight"] in {"stable", "zero"})

        await self.shop.until_view(rests, what=f"{grams} g on the scale")

    async def _second_thought(self, view: Body) -> Body:
        live = [
            line["line_id"]
            for line in view["lines"]
            if not line["voided"] and line["entry"] != "returned"
        ]
        if len(live) < 2:
            return view
        at = self.chance.choice(live)
        kind = self.chance.random()
        said: Body | None = None
        if kind < 0.1:
            said = await self.wish("void_line", line_id=at)
        elif kind < 0.2:
            said = await self.wish("set_quantity", line_id=at, quantity=2000)
        elif kind < 0.26:
            said = await self.wish("override_price", line_id=at, price_minor=99, reason="shelf")
        elif kind < 0.32:
            said = await self.wish("give_discount", line_id=at, off_ppm=100_000, reason="dented")
        elif kind < 0.36:
            said = await self.wish("give_discount", off_minor=7, reason="waited long")
        elif kind < 0.42:
            said = await self.wish("set_note", line_id=at, text="for Friday")
        return said or view

    # --- money ----------------------------------------------------------------------------

    async def _finish(self) -> None:
        """Pay, or give back, until the sale is done."""
        view = await self.shop.view()
        while view["age_check"] is not None:
            await self._show_age()
            view = await self.shop.view()
        if not any(not line["voided"] for line in view["lines"]) and not view["tips_from"]:
            await self.must("abandon", reason="too young")
            return
        view = await self._tip(view)
        while view["state"] != "done":
            if view["due_minor"]:
                view = await self._pay(view["due_minor"])
            elif view["refund_due_minor"]:
                view = await self._give_back(view["refund_due_minor"])
            else:
                view = await self.must("settle")
        self.crowd.done.append(view)
        await self.must("next_sale")

    async def _tip(self, view: Body) -> Body:
        """Say a tenth, round up, think again; or nothing, as most do in a supermarket."""
        if not view["due_minor"] or view["tips_from"] or self.chance.random() > 0.3:
            return view
        total = view["total_minor"]
        for tip in self.chance.choice(((total // 10,), (-total % 100,), (250, 0, 50), (6_000,))):
            view = await self.wish("set_tip", amount_minor=tip) or view
        return view

    async def _pay(self, due: int) -> Body:
        part = due if self.chance.random() < 0.7 or due < 20 else self.chance.randrange(1, due)
        kind = self.chance.random()
        if kind < 0.3 and self.hardware:
            return await self._card("pay_by_card", part)
        if kind < 0.6:
            return await self.must("take_cash", amount_minor=part)
        if kind < 0.75:
            return await self.must("take_cash", amount_minor=-(-due // 500) * 500)
        if kind < 0.85:
            return await self.must(
                "take_foreign_cash", currency="USD", amount_minor=part * 100 // 85 + 1
            )
        return await self.must(
            "take_tender", kind=self.chance.choice(UNCHECKED), amount_minor=part, reference="A-17"
        )

    async def _give_back(self, due: int) -> Body:
        part = due if self.chance.random() < 0.7 or due < 20 else self.chance.randrange(1, due)
        if self.hardware:
            view = await self._card("refund_by_card", part)
            if view["state"] == "done" or view["refund_due_minor"] != due:
                return view
        if self.chance.random() < 0.3:
            view_or_none = await self.wish(
                "give_tender", kind=self.chance.choice(UNCHECKED), amount_minor=part,
                reference="A-17",
            )  # fmt: skip
            if view_or_none is not None:
                return view_or_none
        return await self.must("give_cash", amount_minor=part)

    async def _card(self, kind: str, amount: int) -> Body:
        """Let the terminal do it, or decline, or lose its line; return the view after its end."""
        ends = self.chance.choices(
            ("approve", "decline", "cut_before_result", "cut_after_approval"), (80, 10, 5, 5)
        )[0]
        await self.shop.until_devices_well()
        await self.shop.counter("POST", "terminal", {"next": ends})
        if await self.wish(kind, amount_minor=amount) is None:
            return await self.shop.view()
        self.crowd.did[f"{kind}: {ends}"] += 1
        return await self.shop.until_view(
            lambda view: view["state"] in {"done", "open"}, what="the card's answer"
        )


async def switch_tips_on(shop: Shop) -> None:
    """Let head office say that the store takes tips, and wait until its tills know."""
    path = f"{shop.ready['office_api']}/api/v1/feeds/config?store={shop.ready['store']}"
    headers = shop.ready["office_session"]
    async with shop.client.get(path, headers=headers) as response:
        (profile,) = [
            item["value"] for item in (await response.json())["items"] if item["key"] == "store"
        ]
    profile["tips"] = {"offers_ppm": [100_000, 150_000], "most_minor": 5_000}
    change = {"items": [{"key": "store", "value": profile}]}
    async with shop.client.put(path, json=change, headers=headers) as response:
        assert response.status == 200, await response.text()

    async def known() -> bool | None:
        async with shop.client.get(
            f"{shop.ready['edge_api']}/api/v1/session", headers=shop.ready["session"]
        ) as response:
            return (await response.json())["tips"] is not None or None

    await eventually(known, what="the till knows that tips are taken")


async def open_checkouts(shop: Shop, tills: int, seed: int, crowd: Crowd) -> list[Checkout]:
    """Return a checkout for each till, somebody signed in; the first has the hardware."""
    token = (Path(shop.folder) / "secrets" / "service.token").read_text()
    origin = shop.ready["edge_api"]
    checkouts = []
    for number in range(1, tills + 1):
        till = f"till-{number}"
        cashier = CASHIERS[number % len(CASHIERS)]
        cookies = await _post(
            shop,
            "/internal/v1/enrolment-codes",
            {"till": till, "uses": 1, "valid_s": 600},
            {"Authorization": f"Bearer {token}"},
        )
        own = {"Origin": origin}
        enrolled = await _post(
            shop, "/api/v1/enrol", {"code": cookies.body["code"], "label": till}, own
        )
        signed_in = await _post(
            shop,
            "/api/v1/session",
            {"cashier": cashier, "pin": shop.ready["pins"][cashier]},
            {**own, "Cookie": enrolled.cookie},
        )
        session = {**own, "Cookie": f"{enrolled.cookie}; {signed_in.cookie}"}
        here = replace(shop, ready={**shop.ready, "till": till, "session": session})
        chance = random.Random(f"{seed} {till}")
        checkouts.append(Checkout(here, crowd, chance, hardware=number == 1))
    return checkouts


@dataclass(frozen=True)
class _Answer:
    body: Body
    cookie: str


async def _post(shop: Shop, path: str, body: object, headers: dict[str, str]) -> _Answer:
    async with shop.client.post(
        f"{shop.ready['edge_api']}{path}", json=body, headers=headers
    ) as response:
        answer = await response.json()
        assert response.status < 300, answer
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in response.cookies.items())
        return _Answer(answer, cookie)


def totals(sales: Iterable[Body]) -> dict[str, Any]:
    """Add up sales as a till's views or head office show them."""
    tenders: Counter[str] = Counter()
    taxes: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    articles: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    receipts = {}
    tips = {}
    for sale in sales:
        receipts[sale["receipt_number"]] = sale["total_minor"]
        if sale["tip_minor"]:
            tips[sale["receipt_number"]] = sale["tip_minor"]
        tenders["cash"] -= sale["change_minor"]
        for tender in sale["tenders"]:
            if tender["state"] in {"taken", "approved", "returned"}:
                tenders[tender["kind"]] += tender["amount_minor"]
        for tax in sale["taxes"]:
            sums = taxes[f"{tax['tax']}@{tax['rate_ppm']}"]
            for at, name in enumerate(("net_minor", "tax_minor", "gross_minor")):
                sums[at] += tax[name]
        for line in sale["lines"]:
            if not line["voided"]:
                back = line.get("returned", line.get("entry") == "returned")
                articles[line["sku"]][0] += -line["quantity"] if back else line["quantity"]
                articles[line["sku"]][1] += line["amount_minor"]
    return {
        "tenders": {kind: amount for kind, amount in tenders.items() if amount},
        "taxes": {key: amounts for key, amounts in taxes.items() if any(amounts)},
        "articles": {sku: both for sku, both in articles.items() if any(both)},
        "receipts": receipts,
        "tips": tips,
    }
