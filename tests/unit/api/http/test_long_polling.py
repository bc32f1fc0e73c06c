"""A client's preference for waiting."""

from api.http.long_polling import parse_wait
from tests.support.cases import case


def test_a_preference_is_taken_up_to_half_a_minute_and_anything_else_is_no_wait() -> None:
    cases: list[tuple[str, int]] = [
        ("wait=10", 10),
        ("Wait = 10", 10),
        ('wait="10"', 10),
        ("respond-async, wait=5", 5),
        ("wait=5; foo=bar, respond-async", 5),
        ("wait=31", 30),
        ("wait=999999999", 30),
        ("wait=0", 0),
        ("", 0),
        ("wait", 0),
        ("wait=", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=ten", 0),
        ("wait=" + "9" * 5000, 0),
        ("await=10", 0),
        ("x" * 100_000, 0),
    ]

    for prefer, seconds in cases:
        with case(prefer, seconds):
            assert seconds == parse_wait(prefer)
