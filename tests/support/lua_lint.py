"""A command, part of `make lint`, that runs luacheck on the Redis scripts.

    python -m tests.support.lua_lint

Each file is checked unmodified, with the names that its includes define. Debian's package is `lua-check`; with
``RELEVE_REQUIRE_LUACHECK`` set it must be installed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The globals that Redis provides to each script.
_OF_REDIS = ("redis", "KEYS", "ARGV")
_NAMED = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)
_TAKEN = re.compile(r"^--- (include|constants) (.+)$", re.MULTILINE)
_LONGEST_LINE = "120"
_UNUSED = "211"


def lua_files() -> list[Path]:
    """Every script and every included file."""
    return sorted(each for top in ("shared", "workers") for each in (ROOT / top).rglob("lua/*.lua"))


def names_given(path: Path) -> Iterator[str]:
    """The names that a file's constants and includes define."""
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
    """Check all files; returns 1 if luacheck reports a problem."""
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
