"""Many cases in one test: a test per case would be collected, set up and reported separately, for the same proof."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(*what: object) -> Iterator[None]:
    """Add the case to any failure within the block."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(f"in the case {', '.join(repr(each)[:200] for each in what)}")
        raise
