"""Many cases in one test: a test for each would be collected, set up and reported by itself, for the same proof."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(*what: object) -> Iterator[None]:
    """Whatever fails within says in which case."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(f"in the case {', '.join(repr(each)[:200] for each in what)}")
        raise
