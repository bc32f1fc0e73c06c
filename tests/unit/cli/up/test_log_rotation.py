"""Log files of bounded size."""

from pathlib import Path

from cli.up.log_rotation import bound_log


def test_log_within_the_limit_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * 10)

    assert not bound_log(log, limit_bytes=10)
    assert log.read_bytes() == b"x" * 10


def test_log_beyond_the_limit_is_moved_aside_and_written_on(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as child:
        child.write(b"before the limit")

        assert bound_log(log, limit_bytes=10)
        child.write(b"after")

    assert (tmp_path / "api.log.1").read_bytes() == b"before the limit"
    assert log.read_bytes() == b"after"


def test_missing_log_is_no_error(tmp_path: Path) -> None:
    assert not bound_log(tmp_path / "api.log")
