"""Which commit messages are accepted."""

from tests.support.cases import case
from tests.support.commit_messages import LONGEST_SUBJECT, faults_of

BODY = "\n\nWhat it was, and why it had to change.\n"
WELL = "workers: seal each window before it is stored"


def test_a_message_with_area_summary_and_reason_is_taken() -> None:
    for subject in (WELL, "api, workers: load what is stored in one call", "docs: speed up the first page"):
        with case(subject):
            assert [] == list(faults_of(subject + BODY))


def test_what_is_missing_or_too_much_is_named() -> None:
    fill = "x" * (LONGEST_SUBJECT - len(WELL))
    assert [] == list(faults_of(WELL + fill + BODY))
    wrong = {
        WELL: "no body",
        f"{WELL}\nAt once.": "no empty line",
        f"{WELL}{fill}x{BODY}": "characters",
        f"Seal each window{BODY}": "area: imperative summary",
        f"workers: seal each window.{BODY}": "area: imperative summary",
        f"workers: sealed each window{BODY}": "not an imperative",
        f"workers: sealing each window{BODY}": "not an imperative",
    }
    for message, fault in wrong.items():
        with case(message):
            (found,) = faults_of(message)

            assert fault in found
