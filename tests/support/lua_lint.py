"""The scripts that Redis runs, read by luacheck: a command, and part of `make lint`.

    python -m tests.support.lua_lint

Each file is read as it stands, with the names that it has from what it includes. Debian's package is `lua-check`; with
``RELEVE_REQUIRE_LUACHECK`` set it has to be there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What Redis gives to each script.
_OF_REDIS = ("redis", "KEYS", "ARGV")
_NAMED = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)
_TAKEN = re.compile(r"^--- (include|constants) (.+)$", re.MULTILINE)
_LONGEST_LINE = "120"
_UNUSED = "211"


def lua_files() -> list[Path]:
    """Every script and every part of one."""
    return sorted(each for top in ("shared", "workers") for each in (ROOT / top).rglob("lua/*.lua"))


def names_given(path: Path) -> Iterator[str]:
    """What a file has from its constants and from what it includes."""
    for what, names in _TAKEN.findall(path.read_text(encoding="utf-8")):
        for name in names.split():
            if what == "constants":
                yield name
            else:
                part = path.with_name(f"{name}.lua")
                yield from names_given(part)
                for found in _NAMED.findall(part.read_text(encoding="utf-8")):
                    yield from found.split(", ")


def main() -> int:
    """Check them all; 1 when something is found."""
    if shutil.which("luacheck") is None:
        is_required = bool(os.environ.get("RELEVE_REQUIRE_LUACHECK"))
        sys.stdout.write("Lua was not checked: luacheck is not installed (Debian: lua-check)\n")
        return int(is_required)
    files = lua_files()
    texts = [each.read_text(encoding="utf-8") for each in files]
    statuses = []
    for path in files:
        given = [*_OF_REDIS, *sorted(set(names_given(path)))]
        is_part = any(re.search(rf"^--- include .*\b{path.stem}\b", text, re.MULTILINE) for text in texts)
        argv = ["luacheck", "--quiet", "--std", "lua51", "--max-line-length", _LONGEST_LINE, "--read-globals", *given]
        argv += ["--ignore", _UNUSED] if is_part else []
        statuses.append(subprocess.run([*argv, "--", str(path.relative_to(ROOT))], cwd=ROOT, check=False).returncode)
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
