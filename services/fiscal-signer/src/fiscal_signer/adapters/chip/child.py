"""The signing process: keys and bytes come in, signatures go out. It knows nothing else.

    python -m fiscal_signer.adapters.chip.child

It reads frames from its standard input and ends when that closes, so nobody has to clean up after
a parent that was killed. It imports little on purpose: a start is part of somebody's waiting.
"""

from __future__ import annotations

import signal
import sys
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from fiscal_signer.adapters.chip import frames

_HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384}


class Key:
    """A private key at work. `der` is PKCS 8; `hash_name` is `sha256` or `sha384`.

    Raises ValueError for bytes that are no key, KeyError for another hash.
    """

    def __init__(self, der: bytes, hash_name: str) -> None:
        key = serialization.load_der_private_key(der, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("not a key on an elliptic curve")
        self._key = key
        self._algorithm = ec.ECDSA(_HASHES[hash_name]())
        self._size = (key.key_size + 7) // 8

    def sign(self, message: bytes) -> bytes:
        """ECDSA, as r‖s with both at full length."""
        r, s = decode_dss_signature(self._key.sign(message, self._algorithm))
        return r.to_bytes(self._size, "big") + s.to_bytes(self._size, "big")


def serve(given: BinaryIO, answers: BinaryIO) -> None:
    """Until `given` ends. Raises ValueError, KeyError: the other side is not what it should be."""
    keys: dict[int, Key] = {}
    answers.write(frames.READY)
    answers.flush()
    while body := _next(given):
        frame = frames.read(body)
        if isinstance(frame, frames.KeyFrame):
            keys[frame.key] = Key(frame.der, frame.hash_name)
            continue
        key = keys[frame.key]
        values = [key.sign(message) for message in frame.messages]
        answers.write(frames.answer(frame.chunk, values))
        answers.flush()


def _next(given: BinaryIO) -> bytes:
    """The next frame's body; empty at the end, also where that comes inside a frame."""
    head = given.read(frames.HEAD.size)
    if len(head) < frames.HEAD.size:
        return b""
    size: int = frames.HEAD.unpack(head)[0]
    body = given.read(size)
    return body if len(body) == size else b""


def main() -> None:
    # A terminal or a supervisor may signal the whole group; the parent still needs signatures for
    # what it has in hand. It closes the pipe when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        # The parent died in the middle. What it never heard was never stored anywhere.
        sys.stdout = None  # nor is there anybody to flush it to


if __name__ == "__main__":
    main()
