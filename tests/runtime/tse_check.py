"""Checks the signature of a German receipt from its QR code alone; knows nothing of Tillbox.

    python tests/runtime/tse_check.py 'V0;...'

Written from TR-03151 (log message), TR-03153 and TR-03111 (plain signatures), with cryptography.
"""

from __future__ import annotations

import base64
import sys
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

OIDS = {"ecdsa-plain-SHA384": ("0.4.0.127.0.7.1.1.4.1.4", hashes.SHA384(), ec.SECP384R1())}


def tlv(tag: str, value: bytes) -> bytes:
    """Return one DER element; long lengths as TR-03151's encoder writes them."""
    if len(value) <= 127:
        length = bytes([len(value)])
    elif len(value) <= 255:
        length = b"\x81" + bytes([len(value)])
    else:
        length = b"\x82" + len(value).to_bytes(2, "big")
    return bytes.fromhex(tag) + length + value


def oid(text: str) -> bytes:
    """Return the DER content of an object identifier."""
    first, second, *rest = map(int, text.split("."))
    content = bytes([first * 40 + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        content += bytes(reversed(septets))
    return content


def integer(number: int) -> bytes:
    """Return the DER content of an integer above zero."""
    raw = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
    return b"\x00" + raw if raw[0] & 0x80 else raw


def check(code: str) -> dict[str, str]:
    """Return the fields of a code whose signature is good; raises ValueError otherwise."""
    names = "version client type data transaction counter start end algorithm format sig key"
    parts = code.split(";")
    if len(parts) != 12 or parts[0] != "V0":
        raise ValueError("no code of the form V0")
    field = dict(zip(names.split(), parts, strict=True))
    algorithm, digest, curve = OIDS[field["algorithm"]]
    point = base64.b64decode(field["key"], validate=True)
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(point)
    seconds = round(datetime.fromisoformat(field["end"]).timestamp())
    message = (
        tlv("02", integer(2))
        + tlv("06", oid("0.4.0.127.0.7.3.7.1.1"))
        + tlv("80", b"FinishTransaction")
        + tlv("81", field["client"].encode())
        + tlv("82", field["data"].encode())
        + tlv("83", field["type"].encode())
        + tlv("85", integer(int(field["transaction"])))
        + tlv("04", hashed.finalize())
        + tlv("30", tlv("06", oid(algorithm)))
        + tlv("02", integer(int(field["counter"])))
        + tlv("02", integer(seconds))
    )
    plain = base64.b64decode(field["sig"], validate=True)
    half = len(plain) // 2
    signature = utils.encode_dss_signature(
        int.from_bytes(plain[:half], "big"), int.from_bytes(plain[half:], "big")
    )
    try:
        key.verify(signature, message, ec.ECDSA(digest))
    except InvalidSignature:
        raise ValueError("the signature is not this key's") from None
    return field


if __name__ == "__main__":
    print(check(sys.argv[1]))
