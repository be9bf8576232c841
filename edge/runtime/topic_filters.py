"""MQTT topic names and filters: which are well-formed, which match, which cover others."""

from __future__ import annotations

from typing import Final

TOPIC_BYTES_MAX: Final = 65_535
"""The protocol's own limit: a length of two bytes."""


def check_topic(topic: str) -> None:
    """Raise ValueError when this is no name that can be published to."""
    if not _is_text(topic) or "+" in topic or "#" in topic or topic.startswith("$"):
        raise ValueError(f"not a topic to publish to: {topic!r}")


def check_filter(topic_filter: str) -> None:
    """Raise ValueError when this is no filter that can be subscribed to."""
    levels = topic_filter.split("/")
    wild = [level for level in levels if "+" in level or "#" in level]
    if (
        not _is_text(topic_filter)
        or any(level not in {"+", "#"} for level in wild)
        or "#" in levels[:-1]
    ):
        raise ValueError(f"not a topic filter: {topic_filter!r}")


def matches(topic: str, topic_filter: str) -> bool:
    """Say whether a topic is one of those a filter stands for.

    `#` stands for its parent too; neither wildcard stands for a leading `$` (MQTT 4.7.2).
    """
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    return covers(topic_filter, topic)


def covers(wide: str, narrow: str) -> bool:
    """Say whether every topic of the filter `narrow` is one of the filter `wide`."""
    wide_levels, narrow_levels = wide.split("/"), narrow.split("/")
    for number, level in enumerate(wide_levels):
        if level == "#":
            return True
        if number >= len(narrow_levels) or narrow_levels[number] == "#":
            return False
        if level not in {"+", narrow_levels[number]}:
            return False
    rest = narrow_levels[len(wide_levels) :]
    return not rest


def _is_text(text: str) -> bool:
    return bool(text) and "\0" not in text and len(text.encode()) <= TOPIC_BYTES_MAX
