"""Head offices whose frames are in PostgreSQL, and boxes for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.runtime.private_file import create_private_file
from sync.appending.postgres_address import PostgresAddress
from sync.office.settings import PostgresSettings
from tests.bench.synthetic_sales import SyntheticShop
from tests.sync.office.head_office import Box, Served


def kept_in(folder: Path, address: PostgresAddress, partitions: int | None = 3) -> dict[str, Any]:
    """Write the file that says where PostgreSQL is; return the settings that name it."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{address.database}.dsn"
    password = address.password.replace(" ", "%20")
    if not file.exists():
        line = (
            f"postgresql://{address.user}:{password}@{address.host}:{address.port}"
            f"/{address.database}\n"
        )
        create_private_file(file, line.encode())
    return {"store": "postgres", "postgres": PostgresSettings(file, partitions=partitions)}


async def send(served: Served, *boxes: Box) -> None:
    for box in boxes:
        async with served.session(box) as (line, welcome):
            if welcome.head != box.head:
                ack = await line.upload(box.frame(welcome.head.seq))
                assert ack.accepted == box.head
    for box in boxes:
        await served.until_projected(len(box.bodies), box.store)


def some_boxes() -> list[Box]:
    boxes = [Box(f"shop-{number}", number) for number in (1, 2, 3, 4)]
    for box in boxes:
        shop = SyntheticShop(box.number, store=box.number)
        for _ in range(12):
            box.bodies += shop.sale()
    return boxes
