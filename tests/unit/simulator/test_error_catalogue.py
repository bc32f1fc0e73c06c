"""Every known refusal can be requested by its code, in the wording of the called generation."""

from datetime import UTC, datetime

from simulator.error_catalogue import find_error, known_errors
from tests.support.cases import case

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)

# code: statuses with which it was observed or published
SEEN = {
    "ADAM-ERR0123": {400},
    "ADAM-ERR0002": {400},
    "Invalid_request": {400},
    "ADAM-DC-0015": {400},
    "ADAM-ERR0126": {400},
    "ADAM-DC-0016": {400},
    "ADAM-ERR0125": {400},
    "ADAM-ERR0069": {400},
    "ADAM-ERR0061": {400},
    "ADAM-ERR0075": {400},
    "ADAM-DC-0007": {400, 403},
    "ADAM-DC-0008": {403},
    "ADAM_DC_0008": {403},
    "unauthorized_user": {403},
    "ADAM-DC-0009": {403},
    "900908": {403},
    "900901": {401},
    "STM-ERR-0000019": {404},
    "no_data_found": {404},
    "STM-ERR-0000014": {404},
    "STM-ERR-0000020": {404},
    "Bad request": {400},
    "technical_error": {500},
    "ADAM-DC-0500": {500},
    "STM-ERR-0000001": {500},
    "503": {503},
    "900804": {429},
    "900807": {429},
    "429": {429},
    "missing_parameter": {400},
    "invalid_duration_format": {400},
    "maximum_duration_exceeded": {400},
    "access_denied": {403},
    "lincs-internal-server-error": {500},
}


def test_a_known_code_has_its_statuses() -> None:
    for code in sorted(SEEN):
        with case(code):
            assert {known.refusal.status for known in known_errors(NOW) if known.code == code} == SEEN[code]


def test_a_code_is_worded_by_its_generation() -> None:
    modern = find_error("ADAM-ERR0123", "2026", NOW)
    legacy = find_error("ADAM-ERR0123", "v5", NOW)

    assert modern is not None
    assert legacy is not None
    assert str(modern.body["error_description"]).startswith("La demande ne peut pas aboutir")
    assert str(legacy.body["error_description"]).startswith("The requested period")


def test_a_code_of_one_generation_only_is_lent_to_the_other() -> None:
    lent = find_error("ADAM-ERR0002", "v5", NOW)

    assert lent is not None
    assert lent.status == 400


def test_an_unknown_code_is_not_found() -> None:
    assert find_error("SGT404", "2026", NOW) is None


def test_the_used_up_quota_reopens_at_the_next_hour() -> None:
    refusal = find_error("900804", "2026", NOW)

    assert refusal is not None
    assert refusal.body["nextAccessTime"] == "2026-Nov-23 13:00:00+0000 UTC"


def test_enedis_and_rte_lend_each_other_nothing() -> None:
    own = find_error("COMMON_ERROR_T03", "rte", NOW)

    assert own is not None
    assert own.status == 500
    assert [find_error("COMMON_ERROR_T03", "2026", NOW), find_error("ADAM-ERR0123", "rte", NOW)] == [None, None]
