"""Scripts in files: the header of each declares its inputs, which are those it uses."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.storage.redis_scripts import RedisScript, load_source
from tests.support.cases import case

ROOT = Path(__file__).parents[4]
FOLDERS = [each for top in ("shared", "workers") for each in (ROOT / top).rglob("lua") if each.is_dir()]
SCRIPTS = sorted(
    (".".join(folder.parent.relative_to(ROOT).parts), each.stem) for folder in FOLDERS for each in folder.glob("*.lua")
)


def test_a_script_uses_what_its_header_names_and_no_more() -> None:
    assert len(SCRIPTS) > 30
    for package, name in SCRIPTS:
        with case(f"{package} {name}"):
            source = load_source(package, name)
            own = (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
            for table, names in (("KEYS", source.keys), ("ARGV", source.arguments)):
                used = {int(each) for each in re.findall(rf"\b{table}\[(\d+)\]", own)}

                assert all(number <= len(names) for number in used) or names[-1].endswith("...")


def test_an_included_part_is_there_once_before_what_uses_it() -> None:
    text = load_source("shared.jobs", "settle").text

    assert 1 == text.count("local function look_up(")
    assert text.index("local function look_up(") < text.index("local function let_go(") < text.index("HSETNX")


def test_names_of_keys_arguments_and_constants_have_to_be_those_of_the_script() -> None:
    redis = Redis()
    with pytest.raises(TypeError, match="kept_seconds, kept_deliveries"):
        RedisScript[int](redis, "shared.events", "enqueue")
    with pytest.raises(FileNotFoundError):
        RedisScript[int](redis, "shared.events", "nowhere")


@pytest.mark.anyio
async def test_a_call_without_an_argument_or_with_another_one_is_refused() -> None:
    script: RedisScript[int] = RedisScript(Redis(), "shared.jobs", "renew")
    too_few: dict[str, str | int] = {"job": "1", "number": 2}
    for values in (too_few, {**too_few, "until": 3, "then": 4}):
        with pytest.raises(TypeError, match="job, number, until"):
            await script(**values)
