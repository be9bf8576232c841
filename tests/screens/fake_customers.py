"""What the fake box answers about customers: a search, and one by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from edge.contract.customer_data import Customer
from edge.contract.customer_views import FoundCustomer
from edge.contract.errors import Refused
from edge.contract.wire import encode

if TYPE_CHECKING:
    from tests.screens.fake_box import FakeBox


def _found(customer: Customer) -> FoundCustomer:
    return FoundCustomer(customer.number, customer.name, customer.groups)


def customer_routes(box: FakeBox) -> list[web.RouteDef]:
    async def search(request: web.Request) -> web.Response:
        text = request.query["q"].casefold()
        found = [
            _found(each)
            for each in box.reference.customers.values()
            if each.name.casefold().startswith(text) or text in each.cards
        ]
        body = encode({"customers": found})
        return web.Response(body=body, content_type="application/json")

    async def one(request: web.Request) -> web.Response:
        customer = box.reference.customer(request.match_info["number"])
        if customer is None:
            raise Refused("customer_gone", "Nobody.", status=404)
        return web.Response(body=encode(_found(customer)), content_type="application/json")

    path = "/api/v1/customers"
    return [web.get(path, search), web.get(f"{path}/{{number}}", one)]
