#!/bin/sh
# Creates the virtual environment $1 from the lock file. Safe to run again, also after it was interrupted.
set -eu
venv=$1
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: Encore needs Python 3.11 or newer, but '$python' is older or missing. Install it, or name another: make setup PYTHON=python3.12" >&2
    exit 2
fi
rm -f "$venv/.ready"
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # On Debian and Ubuntu, ensurepip is a separate package; a pip outside the environment can stand in for it.
    if ! { "$python" -m venv --clear --without-pip "$venv" && "$python" -m pip --python "$venv/bin/python" install -q pip; } >/dev/null 2>&1; then
        echo "setup: '$python' cannot create a virtual environment. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
        exit 2
    fi
fi
echo "setup: installing into $venv (once; takes about a minute)"
# Only wheels, so that nothing that was downloaded runs as a build script.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/.ready"
