#!/bin/sh
# Makes the virtual environment named by $1 from the lock; every step may be repeated.
set -eu
venv=$1
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: Encore needs Python 3.11 or newer, and '$python' is not. Install one, or name it: make setup PYTHON=python3.12" >&2
    exit 2
fi
rm -f "$venv/.ready"
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian and Ubuntu keep ensurepip in a package of its own; a pip outside can serve the new environment too.
    if ! { "$python" -m venv --clear --without-pip "$venv" && "$python" -m pip --python "$venv/bin/python" install -q pip; } >/dev/null 2>&1; then
        echo "setup: '$python' cannot make a virtual environment. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
        exit 2
    fi
fi
echo "setup: installing into $venv (once; a minute or so)"
# Wheels alone: nothing that was downloaded runs as a build script.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/.ready"
