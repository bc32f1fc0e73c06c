"""The report on the server's secrets for operators."""

from cli.admin.secret_report import describe
from shared.lifecycle.secret_rotation import SecretUse

CURRENT, EARLIER, LOST = "aaaaaaaa", "bbbbbbbb", "cccccccc"


def use(**given: object) -> SecretUse:
    values: dict[str, object] = {
        "encrypted": {"accounts.public_key": {CURRENT: 3}, "accounts.email_sealed": {}},
        "readings": {CURRENT: 10},
        "audit_links": {CURRENT: 7},
        "consent_hashes": 0,
        "known": frozenset({CURRENT}),
    }
    return SecretUse(current=CURRENT, **(values | given))  # type: ignore[arg-type]  # a test gives some of them


def test_everything_under_one_secret_needs_no_advice() -> None:
    assert [
        f"current {CURRENT}",
        "         3  accounts.public_key",
        "        10  sealed readings (windows)",
        "         7  audit events",
    ] == list(describe(use()))


def test_a_secret_on_which_nothing_rests_can_go() -> None:
    told = list(describe(use(known=frozenset({CURRENT, EARLIER}))))

    assert [f"previous {EARLIER}", "  nothing depends on it"] == told[-2:]


def test_what_still_rests_on_an_earlier_secret_comes_with_what_to_do() -> None:
    told = "\n".join(
        describe(
            use(
                encrypted={"accounts.public_key": {EARLIER: 1, CURRENT: 2}},
                readings={EARLIER: 5},
                audit_links={EARLIER: 6},
                consent_hashes=2,
                known=frozenset({CURRENT, EARLIER}),
            )
        )
    )

    assert f"{EARLIER} has rows left: run `releve admin rotate-secret`" in told
    assert f"{EARLIER} protects readings" in told
    assert "--forget-readings" in told
    assert f"{EARLIER} is in links of the audit" in told
    assert "2 consents are identified by hashes" in told


def test_a_secret_that_is_not_listed_any_more_is_asked_for() -> None:
    told = list(describe(use(readings={LOST: 5})))

    assert f"unknown {LOST}" in told
    assert told[-1].startswith(f"{LOST} is not listed")
