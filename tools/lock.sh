#!/bin/sh
# Writes the lock files: what runs, the same with every extra, and what develops; exact versions with hashes for every
# platform, and no registry.
set -eu
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool"
"$tool/bin/python" -m pip install -q uv
compile() {
    "$tool/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-annotate --upgrade --custom-compile-command "make lock" pyproject.toml "$@"
}
compile --extra build --output-file requirements.lock
compile --extra build --extra interactions --extra metrics --extra postgres --output-file requirements-all.lock
compile --extra build --extra dev --output-file requirements-dev.lock
