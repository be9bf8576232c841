"""Steps 7 to 10: the payment, the receipt and the drawer."""

from __future__ import annotations

import uuid

from tests.whole_shop.demo_shop import eventually
from tests.whole_shop.sale_day import Cells, Day, hang_up

CELLS = Cells()
cell = CELLS.cell
AUTHORISATION = b"\x06\x01"
"""How ZVT's command for a payment begins."""


async def lose_the_authorisation(day: Day) -> None:
    """Ask for the card; the intent is on disk, the job on its way and nowhere else."""
    await day.key()
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    view = await day.ask_card()
    assert view["state"] == "paying"
    await day.lines.edge_to_broker.until_held("out", b"authorise_payment")


@cell("07 killed edge, the intent on disk and the job not sent")
async def _(day: Day) -> None:
    await lose_the_authorisation(day)
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    await day.shop.until_restarted("edge", old)
    await day.until_paid()


@cell("07 cut edge-broker, the job lost")
async def _(day: Day) -> None:
    await lose_the_authorisation(day)
    day.lines.edge_to_broker.cut()
    await day.until_paid()


@cell("07 killed broker with the job in it")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("back")
    await day.ask_card()
    await day.lines.devices_to_broker.until_held("back", b"authorise_payment")
    old = day.shop.kill("broker")
    day.lines.devices_to_broker.drop()
    await day.shop.until_restarted("broker", old)
    await day.until_paid()


@cell("08 killed devices while the terminal asks for the card")
async def _(day: Day) -> None:
    await day.shop.counter("POST", "terminal", {"next": "ask"})
    await day.key()
    await day.ask_card()
    await day.until_asked()
    old = day.shop.kill("devices")
    await day.shop.until_view(lambda view: view["state"] == "in_doubt", what="the doubt is shown")
    await day.shop.until_restarted("devices", old)
    status, _ = await day.shop.command("take_cash", amount_minor=day.first["price_minor"])
    assert status == 409, "money was taken beside a payment that may be charged"
    await day.shop.counter("POST", "terminal/press", {"key": "approve"})
    await day.until_paid()


@cell("08 killed devices, the acquirer has booked and the result is on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold("back")
    await day.ask_card()
    # the terminal's messages are acknowledged one by one: let all but the result pass
    await let_pass_until_booked(day)
    old = day.shop.kill("devices")
    day.lines.terminal.drop()
    await day.shop.until_restarted("devices", old)
    await day.until_paid()
    assert day.paid == "card"


@cell("08 killed counter while its terminal asks for the card")
async def _(day: Day) -> None:
    await day.shop.counter("POST", "terminal", {"next": "ask"})
    await day.key()
    await day.ask_card()
    await day.until_asked()
    await day.shop.kill_and_wait("counter")
    day.counter_is_new()
    await day.until_paid()


@cell("08 cut terminal, the authorisation on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold_from("out", AUTHORISATION)
    await day.ask_card()
    await day.lines.terminal.until_held("out", AUTHORISATION)
    day.lines.terminal.cut()
    await day.until_paid()


@cell("08 cut terminal, the acquirer has booked and the result is on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold("back")
    await day.ask_card()
    await let_pass_until_booked(day)
    day.lines.terminal.cut()
    await day.until_paid()
    assert day.paid == "card"


async def let_pass_until_booked(day: Day) -> None:
    """Let the terminal's intermediate messages through one by one, and hold its result."""

    async def attempt() -> bool | None:
        if len(await day.shop.booked()) > day.booked:
            return True
        if day.lines.terminal.held("back"):
            day.lines.terminal.flow()
            day.lines.terminal.hold("back")
        return None

    await eventually(attempt, what="the acquirer has booked")


@cell("09 killed edge, the command sent and nothing on disk")
async def _(day: Day) -> None:
    view = await day.key()
    day.sale_id = view["sale_id"]
    wish = {"command_id": str(uuid.uuid4()), "amount_minor": view["due_minor"]}
    day.shop.pause("edge")
    writer = await day.send(kind="take_cash", line=None, **wish)
    await day.shop.kill_and_wait("edge")
    await hang_up(writer)
    status, view = await day.shop.insist("take_cash", **wish)
    assert (status, view["state"]) == (200, "done"), view


@cell("09 killed edge, completed on disk and nothing sent")
async def _(day: Day) -> None:
    view = await day.key()
    day.sale_id = view["sale_id"]
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    day.lines.till_to_edge.hold("back")
    wish = {"command_id": str(uuid.uuid4()), "amount_minor": view["due_minor"]}
    writer = await day.send(kind="take_cash", line=day.lines.till_to_edge, **wish)
    await day.lines.till_to_edge.until_held("back", b"200 OK")
    await day.lines.edge_to_broker.until_held("out", b"print_receipt")
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    day.lines.till_to_edge.drop()
    await hang_up(writer)
    await day.shop.until_restarted("edge", old)
    status, view = await day.shop.insist("take_cash", **wish)
    assert (status, view["state"]) == (200, "done"), view
    await day.until_paper()


@cell("09 cut edge-broker, the jobs lost")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("out", b"print_receipt")
    day.lines.edge_to_broker.cut()
    await day.until_paper()


@cell("10 killed devices, done and the result not told")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("out")
    await day.pay_cash()
    await day.until_paper()
    old = day.shop.kill("devices")
    day.lines.devices_to_broker.drop()
    await day.shop.until_restarted("devices", old)


@cell("10 killed edge, the results on their way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.edge_to_broker.hold("back")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("back", b'"done"')
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    await day.shop.until_restarted("edge", old)
    await day.until_paper()


@cell("10 cut devices-broker, the results lost")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("out")
    await day.pay_cash()
    await day.until_paper()
    day.lines.devices_to_broker.cut()


@cell("10 cut edge-broker, the results lost")
async def _(day: Day) -> None:
    await day.key()
    day.lines.edge_to_broker.hold("back")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("back", b'"done"')
    day.lines.edge_to_broker.cut()


@cell("10 cut printer, in the middle of the receipt")
async def _(day: Day) -> None:
    await day.key()
    day.lines.printer.cut_after("out", 300)
    await day.pay_cash()
    await day.lines.printer.until_cut()
