#!/usr/bin/env bash
# SlipCover measures tests that pytest-xdist runs in parallel, but with `--fail-under` prints a table without them: the
# exit status is right, the table shows the covered lines as missing.
#
# Versions: slipcover 1.1.0, pytest 9.1.1, pytest-xdist 3.8.0, Python 3.11.
#
# The command merges the test processes' results to compare them with `--fail-under`, and removes their files; then it
# merges them again to print the table, and finds no files. Without `--fail-under` the table is right.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check slipcover==1.1.0 pytest==9.1.1 pytest-xdist==3.8.0

cd "$place"
mkdir measured
printf 'def double(number):\n    result = number * 2\n    return result\n' >measured/__init__.py
printf 'from measured import double\n\ndef test_double():\n    assert double(2) == 4\n' >test_double.py

measure() {
    venv/bin/python -W ignore -m slipcover --source measured "$@" -m pytest -q -n 1 -p no:cacheprovider test_double.py |
        grep measured
}

without=$(measure)
status=0
with=$(measure --fail-under 100) || status=$?
echo "without --fail-under:       $without"
echo "with --fail-under (status $status): $with"
# Lines, missed lines, per cent, line numbers.
[[ "$without" =~ \ 3\ +0\ +100 ]]
[[ "$with" =~ \ 3\ +3\ +0 ]]
[ "$status" = 0 ]
