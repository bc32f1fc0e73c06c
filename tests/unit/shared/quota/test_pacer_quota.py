"""How a provider's hourly quota is shared between interactive and bulk calls."""

from hypothesis import given
from hypothesis import strategies as st

from shared.quota.pacer import Quota
from tests.support.cases import case


def test_the_share_of_people_who_wait_is_taken_from_bulk() -> None:
    cases: list[tuple[int, float, int]] = [
        (1000, 0.15, 850),
        (1000, 0.0, 1000),
        (1000, 0.9, 100),
        (12, 0.25, 9),
        (10, 0.15, 8),
        (1, 0.9, 1),
        (2, 0.9, 1),
    ]

    for per_hour, share, bulk_per_hour in cases:
        with case(per_hour, share, bulk_per_hour):
            assert Quota(5, per_hour, bulk_per_hour) == Quota.shared_out(5, per_hour, share)


@given(per_hour=st.integers(1, 20_000), share=st.floats(0, 0.9))
def test_bulk_always_has_something_and_never_more_than_everything(per_hour: int, share: float) -> None:
    quota = Quota.shared_out(5, per_hour, share)

    assert 1 <= quota.bulk_per_hour <= quota.per_hour
