"""Searches a gateway's files for data that must not be readable: keys, usage points, readings.

A single reading is a short number and short numbers occur everywhere, so the search uses the forms in which readings
would be written: in a sequence with their neighbours, as text or as binary numbers, and next to the word ``value``.
Base64 text, in which the queue wraps its messages, is decoded and searched too.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_NUMBER = re.compile(rb"\d+")
_NAMED = re.compile(rb"""["']?\b(?:value|v)["']?\s*[:=]\s*["']?(\d+)""")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_ROW = 3
_BINARY_ROW = 4
_BINARY_FORMS = ("<{}h", ">{}h", "<{}i", ">{}i", "<{}d", ">{}d")


@dataclass(frozen=True)
class Secrets:
    """The plaintext to search for: texts that must not occur anywhere, and series of readings in order."""

    texts: Sequence[str] = field(repr=False)
    series: Sequence[Sequence[int]] = field(repr=False)

    @property
    def readings(self) -> int:
        """The number of readings searched for."""
        return sum(len(values) for values in self.series)

    @cached_property
    def rows(self) -> frozenset[tuple[int, ...]]:
        """Sequences of readings that do not occur by chance.

        Small numbers are adjacent everywhere: for every tenth household a sequence like (0, 0, 111) occurred somewhere
        in ids or ciphertext. Sequences with two larger numbers never did.
        """
        rows = {tuple(values[at : at + _ROW]) for values in self.series for at in range(len(values) - _ROW + 1)}
        return frozenset(row for row in rows if len(set(row)) > 1 and sum(value > 99 for value in row) > 1)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The readings that are significant when labelled as a value."""
        return frozenset(value for values in self.series for value in values if value > 99)

    @cached_property
    def patterns(self) -> tuple[bytes, ...]:
        """Some sequences of each series as binary numbers; a store that writes series in binary contains these too."""
        return tuple(_binary_patterns(self.series))


def count_hits(secrets: Secrets, data: bytes) -> int:
    """The number of readable secrets in ``data``."""
    return sum(_hits(secrets, view) for view in (data, *_unwrapped(data)))


def files_to_search(data_dir: Path) -> list[Path]:
    """Every file that the gateway has written: Redis's append-only file, which holds every write since the start, SQL,
    logs. The simulator's files are excluded: they represent Enedis's data, not the gateway's."""
    found = (path for path in data_dir.rglob("*") if path.is_file() and not path.name.startswith("simulator"))
    return sorted(found)


def count_file_hits(secrets: Secrets, paths: Iterable[Path]) -> int:
    """The number of readable secrets in these files."""
    return sum(count_hits(secrets, path.read_bytes()) for path in paths)


def _hits(secrets: Secrets, data: bytes) -> int:
    hits = sum(data.count(text.encode()) for text in secrets.texts)
    numbers = [int(text[:18]) for text in _NUMBER.findall(data)]
    hits += sum(tuple(numbers[at : at + _ROW]) in secrets.rows for at in range(len(numbers) - _ROW + 1))
    hits += sum(int(text[:18]) in secrets.numbers for text in _NAMED.findall(data))
    return hits + sum(data.count(pattern) for pattern in secrets.patterns)


def _binary_patterns(series: Sequence[Sequence[int]]) -> Iterator[bytes]:
    for values in series:
        for at in range(0, len(values) - _BINARY_ROW + 1, max(_BINARY_ROW, len(values) // 20)):
            row = values[at : at + _BINARY_ROW]
            if len(set(row)) < _BINARY_ROW:
                continue
            for form in _BINARY_FORMS:
                try:
                    yield struct.pack(form.format(_BINARY_ROW), *row)
                except struct.error:
                    continue


def _unwrapped(data: bytes) -> Iterator[bytes]:
    for text in set(_BASE64.findall(data)):
        try:
            decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
        if decoded[:1] in b"[{":
            yield decoded
