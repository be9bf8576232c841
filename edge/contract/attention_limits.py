"""Limits of what needs attention at head office: alarms, events that stand aside, looks at shops.

Each with its reason, as in `limits`.
"""

from __future__ import annotations

from typing import Final

ACTS_SHOWN_MAX: Final = 100
"""A page of what people did, with the events as they were before and after."""
ALARMS_CLOSED_KEPT_MAX: Final = 20_000
"""Alarms that are over: years of a retailer with a thousand shops. The oldest of more go."""
ALARMS_SHOWN_MAX: Final = 200
"""A page of alarms."""
ASIDE_EVENTS_SHOWN_MAX: Final = 100
"""A page of events that stand aside; one of `EVENT_BYTES_MAX` shows its beginning."""
ASIDE_EVENTS_LOOKED_MAX: Final = 20_000
"""Events of one shop that are looked through for those of a sale: more have one cause."""
ASIDE_TEXT_CHARS_MAX: Final = 2_000
"""A field of an event that stands aside, as it is shown to a person."""
ALARM_SETTLED_MS: Final = 10_000
"""A box that is in step for so long was not only let in to be refused at its first frame."""
ATTENTION_LOOK_S: Final = 15.0
"""How often head office looks how its shops stand: as often as Prometheus asks by default."""
ATTENTION_GATHERED_S: Final = 0.5
"""Where a thousand boxes come at once, one look is for many of them."""
FEED_STEPS_KEPT_MAX: Final = 2_000
"""When a feed had which length: an hour of changes a second, or years of changes a day."""
OFFICE_DISK_FREE_BYTES_MIN: Final = 1_073_741_824
"""Days of a thousand shops: time enough to make room before head office takes nothing more."""
REQUEUED_SALES_MAX: Final = 100
"""Sales that are made anew in one transaction: what arrives waits that long, well below 1 s."""
SALE_FRAMES_SOUGHT_MAX: Final = 2_000
"""Frames that are looked through for a sale: one that was parked for a busy day."""
WRONG_KEY_MS: Final = 60_000
"""A stranger who calls in a shop's name all the time is one alarm a minute, not one a call."""
SHOP_METRIC_SERIES_MAX: Final = 2_048
"""Shops, each with its own line in a metric of head office: twice what it is made for."""
