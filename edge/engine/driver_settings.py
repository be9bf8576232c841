"""Settings of a device held against what its driver says that it takes.

The host has the last word (a path that is not there, an address that is none); names, kinds and
bounds are known here, so a slip is told to the person who makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge.contract.device_states import DriverOffer, SettingKind, SettingOffer
from edge.contract.errors import Refused

_KINDS: Final = {
    SettingKind.TEXT: "a text",
    SettingKind.NUMBER: "a whole number",
    SettingKind.YES_NO: "yes or no",
}
_TYPES: Final[dict[SettingKind, type]] = {
    SettingKind.TEXT: str,
    SettingKind.NUMBER: int,
    SettingKind.YES_NO: bool,
}


def check_settings(offer: DriverOffer, settings: Mapping[str, object]) -> None:
    """Raise Refused naming the first setting that the driver would not take."""
    takes = {setting.name: setting for setting in offer.settings}
    for name, value in settings.items():
        if name not in takes:
            raise _refused(
                offer,
                name,
                "is no setting of it",
                f"It takes: {', '.join(takes)}.",
            )
        why = _why_not(takes[name], value)
        if why:
            raise _refused(offer, name, f"must be {why}", "Change it and try again.")
    for setting in offer.settings:
        if setting.required and settings.get(setting.name, "") == "":
            raise _refused(offer, setting.name, "is needed", "Fill it in.")


def _why_not(setting: SettingOffer, value: object) -> str:
    """Return what the value should be; empty when it is."""
    left_open = value is None and not setting.required and setting.default is None
    if setting.kind is SettingKind.OTHER or left_open:
        return ""
    if setting.kind is SettingKind.CHOICE:
        # 1 is no True here, nor the other way round
        fits = any(type(value) is type(each) and value == each for each in setting.choices)
        return "" if fits else f"one of {', '.join(map(repr, setting.choices))}"
    if not isinstance(value, _TYPES[setting.kind]) or (
        isinstance(value, bool) and setting.kind is not SettingKind.YES_NO
    ):
        return _KINDS[setting.kind]
    if isinstance(value, str) and setting.chars_max is not None and len(value) > setting.chars_max:
        return f"at most {setting.chars_max} characters long"
    return _bounds(setting) if isinstance(value, int) and not _within(setting, value) else ""


def _within(setting: SettingOffer, value: int) -> bool:
    return (setting.low is None or value >= setting.low) and (
        setting.high is None or value <= setting.high
    )


def _bounds(setting: SettingOffer) -> str:
    if setting.high is None:
        return f"at least {setting.low}"
    return f"at most {setting.high}" if setting.low is None else f"{setting.low} to {setting.high}"


def _refused(offer: DriverOffer, name: str, what: str, advice: str) -> Refused:
    return Refused(
        "settings_unfit",
        f"The setting {name[:40]!r} of the driver {offer.name} {what}.",
        advice=advice,
        params={"driver": offer.name, "setting": name[:40]},
    )
