"""Lua scripts that Redis runs, one per file: `lua/<name>.lua` in the package of the store.

A file begins with comments: what the script does and returns, then the names of its parameters, in order:

    -- KEYS coverage
    -- ARGV window text
    --- include fair_queue
    --- constants kept_seconds

A name that ends in ``...`` takes any number of values. `include` inserts the functions of another file of the folder;
`constants` are values that Python defines. A script is atomic.
"""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

Argument = str | bytes | int | float
Constant = int | str | Sequence[str]
Reply = TypeVar("Reply")

_DIRECTIVE = re.compile(r"^(-- KEYS|-- ARGV|--- include|--- constants) (.+)$", re.MULTILINE)
_ANY_NUMBER = "..."


@dataclass(frozen=True)
class Source:
    """The text of a script for Redis, and the names of its keys and arguments."""

    text: str
    keys: tuple[str, ...]
    arguments: tuple[str, ...]
    constants: tuple[str, ...]


class RedisScript(Generic[Reply]):
    """A script of a package, called with its keys and arguments by name."""

    def __init__(self, redis: Redis, package: str, name: str, constants: Mapping[str, Constant] | None = None) -> None:
        """Run ``lua/{name}.lua`` of ``package`` in ``redis``."""
        self._source = load_source(package, name)
        self._script = redis.register_script(_with_constants(self._source, constants or {}))

    async def __call__(self, client: Pipeline | None = None, /, **values: Argument | Sequence[Argument]) -> Reply:
        """Run the script, or add it to the pipeline ``client``. Raises `TypeError` for missing or unknown names."""
        names = (*self._source.keys, *self._source.arguments)
        if {each.removesuffix(_ANY_NUMBER) for each in names} != set(values):
            raise TypeError(f"the script takes {', '.join(names)}")
        keys = cast(list[str], _in_order(self._source.keys, values))
        arguments = _in_order(self._source.arguments, values)
        return await cast(Awaitable[Reply], self._script(keys=keys, args=arguments, client=client))


@cache
def load_source(package: str, name: str) -> Source:
    """A script with its includes, each part once. Raises `FileNotFoundError`."""
    parts: dict[str, str] = {}
    constants: list[str] = []
    _include(package, name, parts, constants)
    text = "\n".join(parts.values())
    named = [(what, name) for what, names in _DIRECTIVE.findall(parts[name]) for name in names.split()]
    keys, arguments = (tuple(each for what, each in named if what == table) for table in ("-- KEYS", "-- ARGV"))
    return Source(text, keys, arguments, tuple(dict.fromkeys(constants)))


def _include(package: str, name: str, parts: dict[str, str], constants: list[str]) -> None:
    text = (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    for what, names in _DIRECTIVE.findall(text):
        if what == "--- include":
            for each in names.split():
                if each not in parts:
                    _include(package, each, parts, constants)
        elif what == "--- constants":
            constants += names.split()
    parts[name] = text


def _with_constants(source: Source, constants: Mapping[str, Constant]) -> str:
    if set(source.constants) != set(constants):
        raise TypeError(f"the script's constants are {', '.join(source.constants)}")
    return "".join(f"local {name} = {_lua(constants[name])}\n" for name in source.constants) + source.text


def _lua(value: Constant) -> str:
    if isinstance(value, int):
        return str(value)
    return f"'{value}'" if isinstance(value, str) else f"{{{', '.join(map(_lua, value))}}}"


def _in_order(names: Sequence[str], values: Mapping[str, Argument | Sequence[Argument]]) -> list[Argument]:
    ordered: list[Argument] = []
    for name in names:
        value = values[name.removesuffix(_ANY_NUMBER)]
        if name.endswith(_ANY_NUMBER):
            ordered += cast(Sequence[Argument], value)
        else:
            ordered.append(cast(Argument, value))
    return ordered
