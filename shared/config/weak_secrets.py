"""Whether a secret is one that others may know: short, repetitive, or put together from the words of examples.

Pure. It can only refuse what is surely weak; that a secret comes from a random generator, nobody can see from it.
"""

import re

_LEAST_CHARACTERS = 12
_LEAST_LEFT = 8
_LEAST_DISTINCT = 7
# What examples, guides, tests and hasty people write where a secret should stand; longer words first.
_WORDS = (
    "0123456789",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "placeholder",
    "characters",
    "measuring",
    "synthetic",
    "password",
    "0123456",
    "1234567",
    "abcdefg",
    "another",
    "default",
    "example",
    "insecure",
    "letmein",
    "replace",
    "testing",
    "abcdef",
    "change",
    "enedis",
    "flower",
    "gateway",
    "insert",
    "number",
    "please",
    "qwerty",
    "random",
    "releve",
    "sample",
    "secret",
    "server",
    "string",
    "tests",
    "admin",
    "azerty",
    "dummy",
    "least",
    "older",
    "value",
    "demo",
    "here",
    "must",
    "only",
    "test",
    "this",
    "with",
    "your",
    "and",
    "api",
    "for",
    "key",
    "new",
    "not",
    "old",
    "one",
    "the",
    "two",
)
_KNOWN = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_NO_MATTER = re.compile(r"[\s._:/<>{}$\"'-]")
# One character again and again, or a few of them in turn.
_REPEATED = re.compile(r"(.{1,8}?)\1{2,}")


def is_guessable(secret: str) -> bool:
    """Whether little is left of a secret without the words of examples, separators and repetitions."""
    if len(secret.strip()) < _LEAST_CHARACTERS:
        return True
    left = _NO_MATTER.sub("", _KNOWN.sub("", secret.lower()))
    left = _REPEATED.sub(r"\1", left)
    return len(left) < _LEAST_LEFT or len(set(left)) < _LEAST_DISTINCT
