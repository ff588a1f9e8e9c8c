#!/bin/sh
# Builds the image `encore` with whichever builder works here; $1 names another base image than the Dockerfile's.
set -eu
base=${1:+--build-arg=PYTHON_IMAGE=$1}
if docker info >/dev/null 2>&1; then
    exec docker build ${base:+"$base"} --tag encore .
elif command -v podman >/dev/null; then
    exec podman build --format docker ${base:+"$base"} --tag encore .
elif command -v buildah >/dev/null; then
    exec buildah build --format docker ${base:+"$base"} --tag encore .
fi
echo "image: no builder: install Docker, Podman or Buildah" >&2
exit 2
