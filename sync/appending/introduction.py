"""Who a box is and whether its history goes on from here, whoever keeps it.

Each keeper has words of its own to prove one's key over: what a box signs for one opens no door
at another.
"""

from __future__ import annotations

from edge.contract.errors import ProtocolViolation
from edge.contract.replication import Head, Hello, Proof
from edge.runtime.keys import VerifyingKey
from sync.appending.denial import DeniedError
from sync.appending.ingest import BoxIdentity, Ingest


def check_proof(hello: Hello, proof: Proof, nonce: str, signed: bytes) -> None:
    """Return when a box holds the key that it names; `signed` is what it had to sign.

    Raises DeniedError.
    """
    if hello.nonce != nonce:
        raise DeniedError("nonce_wrong", "The box answered another challenge.")
    try:
        VerifyingKey.from_hex(hello.box).verify(bytes.fromhex(proof.signature), signed)
    except (ProtocolViolation, ValueError):
        raise DeniedError("proof_wrong", "The box did not prove that it holds its key.") from None


async def compare_heads(box: BoxIdentity, ingest: Ingest, theirs: Head, here: Head) -> None:
    """Raise DeniedError for a box whose history cannot be a continuation of what is here."""
    if theirs.gen != box.gen:
        raise DeniedError(
            "frame_of_other_generation",
            f"The box is in generation {theirs.gen}, store {box.slug} in {box.gen}.",
        )
    if theirs.seq > here.seq:
        return  # whether it follows, the chain of its first frame says
    there = await ingest.hash_at(theirs.seq)
    if there is None or there.hex() != theirs.hash:
        raise DeniedError(
            "fork",
            f"The box of store {box.slug} has another event {theirs.seq} than {ingest.keeper}.",
        )
    if theirs.seq < here.seq:
        raise DeniedError(
            "behind",
            f"The box of store {box.slug} ends at event {theirs.seq}, {ingest.keeper} has "
            f"{here.seq}: it was restored from an old copy.",
        )
