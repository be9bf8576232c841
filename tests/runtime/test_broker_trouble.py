"""What is said when there is no connection to a broker: every kind has words and a next step."""

from __future__ import annotations

import socket
import ssl

import pytest

from edge.runtime.broker_trouble import BrokerPlace
from tests.runtime.broker_troubles import PLACE, certificate_refused, every_trouble, wrapped

PLAIN = BrokerPlace("localhost", 1883, "box", tls=False)


def test_every_trouble_has_a_code_of_its_own_and_names_the_broker() -> None:
    codes = [trouble.code for trouble in every_trouble()]
    assert len(set(codes)) == len(codes)
    for trouble in every_trouble():
        assert "box.local" in trouble.words
        assert trouble.words.endswith(".")
        assert trouble.words[0].isupper()
        assert trouble.advice or trouble.code == "broker_refuses"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (62, "broker_other_name"),
        (64, "broker_other_name"),
        (10, "broker_certificate_date"),
        (9, "broker_certificate_date"),
        (18, "broker_not_trusted"),
        (19, "broker_not_trusted"),
        (20, "broker_not_trusted"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_apart(number: int, code: str) -> None:
    assert PLACE.trouble(wrapped(certificate_refused(number))).code == code


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (4, "broker_refuses_password"),
        (134, "broker_refuses_password"),
        (5, "broker_refuses_password"),
        (135, "broker_refuses_password"),
        (2, "broker_refuses_name"),
        (133, "broker_refuses_name"),
        (1, "broker_other_protocol"),
        (132, "broker_other_protocol"),
        (136, "broker_refuses"),
    ],
)
def test_what_the_broker_itself_says_is_told_apart(refused: int, code: str) -> None:
    assert PLACE.trouble(RuntimeError("refused"), refused=refused).code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(-2, "Name or service not known"), "broker_name_unknown"),
        (ConnectionRefusedError(111, "Connection refused"), "broker_not_listening"),
        (ConnectionResetError(104, "Connection reset by peer"), "broker_no_answer"),
        (TimeoutError(), "broker_silent"),
        (OSError(101, "Network is unreachable"), "broker_unreachable"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "broker_no_tls"),
    ],
)
def test_what_the_network_says_is_told_apart(error: OSError, code: str) -> None:
    assert PLACE.trouble(wrapped(error)).code == code
    assert PLACE.trouble(error).code == code, "however deep it lies"


def test_who_came_in_plain_text_is_told_that_it_may_be_the_wrong_door() -> None:
    for error in (TimeoutError(), ConnectionResetError(104, "reset")):
        assert "give ca_file" in PLAIN.trouble(error).advice
        assert "give ca_file" not in PLACE.trouble(error).advice


def test_a_connection_that_stood_and_is_lost_may_be_two_under_one_name() -> None:
    found = PLACE.trouble(RuntimeError("Disconnected during message iteration"))
    assert found.code == "broker_lost"
    assert found.words == "The connection to the broker at box.local:8883 is lost."
    assert "two programs come as till2" in found.advice
