"""A command, part of `make lint`, that checks commit messages against the format of CONTRIBUTING.md.

    python -m tests.support.commit_messages

`area: imperative summary` in at most 72 characters, an empty line, and a body that gives the reason. Commits older than
the rule are not checked.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

SINCE = "2026-12-01T00:00:00Z"
LONGEST_SUBJECT = 72
_SUBJECT = re.compile(r"[a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*: (?P<verb>[a-z]+)\b.*[^.\s]")
_NO_IMPERATIVE = ("ed", "ing")
_IMPERATIVE = {"bring", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "string", "swing"}


def faults_of(message: str) -> Iterator[str]:
    """The faults of a commit message; empty when it is valid."""
    subject, _, rest = message.strip().partition("\n")
    found = _SUBJECT.fullmatch(subject)
    if found is None:
        yield "the subject is not of the form `area: imperative summary`"
    elif found["verb"].endswith(_NO_IMPERATIVE) and found["verb"] not in _IMPERATIVE:
        yield f"`{found['verb']}` is not an imperative"
    if len(subject) > LONGEST_SUBJECT:
        yield f"the subject has {len(subject)} characters, of which {LONGEST_SUBJECT} are allowed"
    if rest and not rest.startswith("\n"):
        yield "no empty line follows the subject"
    if not rest.strip():
        yield "no body says why"


def main() -> int:
    """Check the commits of this branch; returns 1 if one is invalid."""
    log = ["git", "log", "--no-merges", f"--since={SINCE}", "--format=%h%n%B%x00"]
    try:
        told = subprocess.run(log, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        sys.stdout.write("commit messages were not checked: this is no clone of the repository\n")
        return 0
    status = 0
    for commit in filter(None, (each.strip() for each in told.split("\0"))):
        number, _, message = commit.partition("\n")
        for fault in faults_of(message):
            sys.stdout.write(f"{number}: {fault}\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
