"""Detection of guessable secrets: short, repetitive, or composed of the words of examples.

Pure. It rejects only secrets that are certainly weak; it can't prove that a secret comes from a random generator.
"""

import re

_LEAST_CHARACTERS = 12
_LEAST_LEFT = 8
_LEAST_DISTINCT = 7
# Words that examples, guides and tests use in place of a secret; longer words first.
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
# A repeated character, or a repeated sequence of a few characters.
_REPEATED = re.compile(r"(.{1,8}?)\1{2,}")


def is_guessable(secret: str) -> bool:
    """Whether little remains of a secret after removing the words of examples, separators and repetitions."""
    if len(secret.strip()) < _LEAST_CHARACTERS:
        return True
    left = _NO_MATTER.sub("", _KNOWN.sub("", secret.lower()))
    left = _REPEATED.sub(r"\1", left)
    return len(left) < _LEAST_LEFT or len(set(left)) < _LEAST_DISTINCT
