"""The search for secrets in plain text: it finds those that were written, and nothing else."""

import base64
import hashlib
import json
import struct

from cli.demo.plaintext import Secrets, count_hits
from tests.support.cases import case

READINGS = [540, 561, 628, 641, 604, 67, 5, 0, 0, 0, 0, 0, 0, 0, 111]
KEY = "a-key-of-nobody"
SECRETS = Secrets([KEY], [READINGS])


def test_what_somebody_wrote_down_is_found() -> None:
    cases: list[bytes] = [
        f"refused {KEY}".encode(),
        b"540,561,628",
        b"540W 561W 628W",
        json.dumps([{"start": "2026-10-25T02:00:00+02:00", "value": 540}]).encode(),
        b"value=540",
        struct.pack("<4h", *READINGS[:4]),
        struct.pack(">4i", *READINGS[:4]),
        struct.pack("<4d", *READINGS[:4]),
        base64.b64encode(json.dumps({"watts": READINGS}).encode()),
    ]

    for written in cases:
        with case(written):
            assert 0 < count_hits(SECRETS, b"before " + written + b" after")


def test_numbers_as_they_stand_anywhere_are_not_taken_for_readings() -> None:
    for written in [b"", b"0 0 111", b"67 5 0 0 0", b"at 540 ms", b"628;561;540"]:
        with case(written):
            assert 0 == count_hits(SECRETS, written)


def test_nothing_is_found_in_what_is_random() -> None:
    noise = hashlib.shake_256(b"noise").digest(2_000_000)

    assert 0 == count_hits(SECRETS, noise + noise.hex().encode())
