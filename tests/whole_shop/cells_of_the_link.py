"""Steps 11 and 12: sync asks edge, and head office takes it."""

from __future__ import annotations

from tests.whole_shop.sale_day import Cells, Day

CELLS = Cells()
cell = CELLS.cell


@cell("11 killed sync, a frame on its way to it")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    old = day.shop.kill("sync")
    day.lines.sync_to_edge.drop()
    await day.shop.until_restarted("sync", old)


@cell("11 killed edge, while sync waits for a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    old = day.shop.kill("edge")
    day.lines.sync_to_edge.drop()
    await day.shop.until_restarted("edge", old)


@cell("11 cut sync-edge, a frame on its way")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    day.lines.sync_to_edge.cut()


@cell("11 cut sync-edge, in the middle of a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.cut_after("back", 700)
    await day.pay_cash()
    await day.lines.sync_to_edge.until_cut()


@cell("11 cut sync-edge, the acknowledgement on its way back")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("out", b"/replica/ack")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("out", b"/replica/ack")
    await day.shop.until_office_has(day.sale_id)
    day.lines.sync_to_edge.cut()


@cell("12 killed office, the frame on its way")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("out")
    await day.pay_cash()
    await day.lines.sync_to_office.until_held("out")
    old = day.shop.kill("office")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("office", old)


@cell("12 killed office, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    old = day.shop.kill("office")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("office", old)


@cell("12 killed sync, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    old = day.shop.kill("sync")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("sync", old)


@cell("12 cut link, in the middle of a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.cut_after("out", 150)
    await day.pay_cash()
    await day.lines.sync_to_office.until_cut()


@cell("12 cut link, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    day.lines.sync_to_office.cut()
