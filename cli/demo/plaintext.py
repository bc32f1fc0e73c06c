"""Looks for what must not be readable in the files that a gateway leaves: keys, usage points, readings.

A reading alone is a short number and short numbers are everywhere, so it is looked for in the ways in which somebody
would have written it: in a row with its neighbours, as text or as binary numbers, and beside the word ``value``. Text
inside Base64, which is how a queue wraps its messages, is looked at too.
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
    """What was seen: texts that must not occur anywhere, and series of readings in order."""

    texts: Sequence[str] = field(repr=False)
    series: Sequence[Sequence[int]] = field(repr=False)

    @property
    def readings(self) -> int:
        """How many readings are looked for."""
        return sum(len(values) for values in self.series)

    @cached_property
    def rows(self) -> frozenset[tuple[int, ...]]:
        """Neighbouring readings that nobody writes by chance.

        Small numbers stand beside each other everywhere: among ids and in ciphertext, every tenth household had a row
        like (0, 0, 111) somewhere. Of two larger ones in a row none had.
        """
        rows = {tuple(values[at : at + _ROW]) for values in self.series for at in range(len(values) - _ROW + 1)}
        return frozenset(row for row in rows if len(set(row)) > 1 and sum(value > 99 for value in row) > 1)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The readings that tell something when they are called a value."""
        return frozenset(value for values in self.series for value in values if value > 99)

    @cached_property
    def patterns(self) -> tuple[bytes, ...]:
        """Some rows of each series as machine numbers; a store that keeps them so keeps these too."""
        return tuple(_binary_patterns(self.series))


def count_hits(secrets: Secrets, data: bytes) -> int:
    """How many times something secret can be read in ``data``."""
    return sum(_hits(secrets, view) for view in (data, *_unwrapped(data)))


def files_to_search(data_dir: Path) -> list[Path]:
    """Everything that the gateway has written: Redis's append-only file, which holds every write since the start,
    SQL, logs. What the simulator keeps is Enedis's own knowledge and not the gateway's."""
    found = (path for path in data_dir.rglob("*") if path.is_file() and not path.name.startswith("simulator"))
    return sorted(found)


def count_file_hits(secrets: Secrets, paths: Iterable[Path]) -> int:
    """How many times something secret can be read in these files."""
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
