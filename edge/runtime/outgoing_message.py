"""What every bus refuses to send, before it costs anybody anything."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.runtime.subscription_queue import QOS_MAX
from edge.runtime.topic_filters import check_topic


def check_outgoing(topic: str, payload: bytes, qos: int) -> None:
    """Raise ValueError for a topic or QoS that is a defect; Refused for too large a payload."""
    check_topic(topic)
    if not 0 <= qos <= QOS_MAX:
        raise ValueError(f"QoS {qos} is not used here")
    if len(payload) > MQTT_PAYLOAD_BYTES_MAX:
        raise Refused(
            "message_too_large",
            f"{topic}: a message of {len(payload)} bytes; the limit is {MQTT_PAYLOAD_BYTES_MAX}.",
            advice="Make it smaller: a smaller logo, a shorter document.",
            status=413,
        )
