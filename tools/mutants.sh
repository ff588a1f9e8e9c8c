#!/bin/sh
# Changes bot/domain in small ways, one at a time, and lists the changes that no unit test notices.
# $1 is the environment of the project, $2 the one for mutmut, which is created if it is missing.
set -eu
python=$1/bin/python
venv=$2
version=3.8.1

if [ "$(cat "$venv/.ready" 2>/dev/null)" != "$version" ]; then
    echo "mutants: installing mutmut into $venv (once; takes about a minute)"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: "mutmut==$version"
    echo "$version" > "$venv/.ready"
fi

rm -rf mutants
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$venv/bin/mutmut" run > "$log" 2>&1; then
    tail -n 40 "$log"
    echo "mutants: mutmut could not run the tests; a test that reads the source as text belongs into the list in pyproject.toml" >&2
    exit 1
fi
tr '\r' '\n' < "$log" | tail -n 2

# mutmut sets a change after the modules were imported. A table that is built at import, such as RULES, never sees it,
# so whatever survived is tried once more, each in a process of its own.
"$venv/bin/mutmut" results | sed -n 's/^ *\(.*\): \(survived\|no tests\)$/\1/p' > mutants/survived
selection=$("$python" -c '
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["tool"]["mutmut"]["pytest_add_cli_args_test_selection"])')
export selection
export python="$PWD/$venv/bin/python"
cd mutants
: > unnoticed
set -f # the selection has a pattern that is for pytest
xargs -P "$(nproc)" -I CHANGE sh -fc '
    name=CHANGE module=${name#bot.domain.} own=tests/unit/test_${module%%.*}.py
    [ -e "$own" ] || own= # the tests of the same name come first: they are the ones most likely to notice
    if MUTANT_UNDER_TEST=CHANGE "$python" -m pytest -q -x -p no:cacheprovider $own $selection >/dev/null 2>&1; then
        echo CHANGE >> unnoticed
    fi' < survived
cd ..
sort mutants/unnoticed | while read -r change; do
    "$venv/bin/mutmut" show "$change" | grep '^[-+#]'
done
echo "mutants: $(wc -l < mutants/unnoticed) changes were not noticed; some of them make no difference"
