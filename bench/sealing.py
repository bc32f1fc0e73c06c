"""Cost of encrypting and decrypting a day."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.crypto.vault import Opener, SealContext, ServerSecret, new_vault, seal
from shared.readings.encoding import pack_readings
from shared.readings.models import Reading

ROUNDS = 7
TIMES = 300


def measure_sealing() -> dict[str, Any]:
    """Microseconds for a day of 48 half-hours; the median of several rounds."""
    server = ServerSecret("a-secret-key-for-measuring-only-0123456789", [])
    vault = new_vault()
    context = SealContext("acct_0", "up_0", "consumption_load_curve", "2026-03-02")
    first = datetime(2026, 3, 1, 23, tzinfo=UTC)
    day = [Reading(first + timedelta(minutes=30 * number), "PT30M", 200 + 37 * number) for number in range(48)]
    text = pack_readings(day)
    blob = seal(text, public_key=vault.public_key, context=context, server=server)
    opener = Opener(vault.private_key, server)
    return {
        "seal_us": _microseconds(lambda: seal(text, public_key=vault.public_key, context=context, server=server)),
        "open_us": _microseconds(lambda: opener.open(blob, context)),
        "sealed_bytes": len(blob),
    }


def _microseconds(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(TIMES):
            work()
        rounds.append((time.perf_counter() - begun) / TIMES)
    return round(statistics.median(rounds) * 1e6, 1)
