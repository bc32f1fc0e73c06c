"""The hierarchy of errors: what each leaf provides to programs and users."""

import inspect
import pickle
from datetime import UTC, datetime

from shared.core import errors
from shared.core.errors import (
    AppError,
    FieldError,
    NotFound,
    ProviderThrottled,
    ProviderUnavailable,
    RequestError,
    leaves,
)
from tests.support.cases import case

LEAVES = sorted(leaves(), key=lambda leaf: leaf.__name__)


def test_leaves_finds_every_class_of_the_module_that_has_a_code() -> None:
    declared = {
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, AppError) and hasattr(each, "code")
    }

    assert declared == set(LEAVES)


def test_a_class_between_the_root_and_the_leaves_has_no_code_and_is_never_listed() -> None:
    assert not {AppError, RequestError, errors.ProviderError} & set(LEAVES)


def test_no_two_leaves_share_a_code() -> None:
    codes = [leaf.code for leaf in LEAVES]

    assert sorted(set(codes)) == sorted(codes)


def test_the_drawing_at_the_top_of_the_file_shows_the_leaf() -> None:
    for leaf in LEAVES:
        with case(leaf):
            drawn = [line.split("──")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line]

            assert 1 == drawn.count(leaf.__name__)


def test_a_code_is_a_plain_word_for_programs() -> None:
    for leaf in LEAVES:
        with case(leaf):
            assert leaf.code.isascii()
            assert leaf.code.replace("_", "").isalpha()
            assert leaf.code.lower() == leaf.code


def test_a_leaf_has_a_message_of_one_line_and_an_error_status() -> None:
    for leaf in LEAVES:
        with case(leaf):
            assert "\n" not in leaf.title()
            assert leaf.title().endswith(".")
            assert 400 <= leaf.status < 600


def test_what_the_caller_must_mend_is_not_worth_the_same_request_again() -> None:
    for leaf in LEAVES:
        with case(leaf):
            if issubclass(leaf, RequestError):
                # A retry helps after too many requests, or while the work is in progress, and in no other case.
                assert leaf.retryable is (leaf.status == 429 or leaf is errors.IdempotencyInProgress)
                assert 400 <= leaf.status < 500
            if leaf.retryable:
                assert leaf.status == 429 or leaf.status >= 500 or leaf is errors.IdempotencyInProgress


def test_the_message_is_the_docstring_unless_another_one_is_given() -> None:
    plain, special = NotFound(), NotFound("No such job.")

    assert ("The resource does not exist.", "The resource does not exist.") == (plain.detail, str(plain))
    assert ("No such job.", "No such job.") == (special.detail, str(special))
    assert "The resource does not exist." == special.title()


def test_only_the_first_paragraph_of_a_docstring_is_the_message() -> None:
    class Told(AppError):
        """What a person
        reads.

        What a developer reads.
        """

    class Bare(AppError):
        pass

    assert "What a person reads." == Told.title()
    assert "Bare" == Bare.title()


def test_an_error_carries_the_providers_code_the_moment_to_try_again_and_the_fields() -> None:
    moment = datetime(2026, 11, 22, 9, tzinfo=UTC)
    wrong = FieldError("/start", "is not a day")

    error = ProviderThrottled(upstream_code="900804", retry_at=moment, errors=[wrong])

    assert ("900804", moment, (wrong,)) == (error.upstream_code, error.retry_at, error.errors)


def test_an_error_says_nothing_of_what_it_was_not_given() -> None:
    error = ProviderUnavailable()

    assert (None, None, ()) == (error.upstream_code, error.retry_at, error.errors)


def test_an_error_survives_the_way_between_processes_with_its_message() -> None:
    copied = pickle.loads(pickle.dumps(NotFound("No such job.")))  # noqa: S301  # our own bytes, made on this line

    assert NotFound is type(copied)
    assert "No such job." == copied.detail
