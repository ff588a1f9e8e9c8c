# One bot, or one process of it. docs/operating.md, “In a container”, says how to run it.
#   make image                                              build it with Docker, Podman or Buildah
#   make image PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:…   on a base of exactly these bytes
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python3 -m venv /opt/encore
# The libraries first: this layer lasts until the lock changes. Only wheels, with the hashes that the lock names.
COPY requirements-all.lock ./
RUN /opt/encore/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --require-hashes -r requirements-all.lock
COPY pyproject.toml MANIFEST.in README.md LICENSE .env.example ./
COPY bot bot
COPY cogs cogs
COPY storage storage
RUN /opt/encore/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/encore/bin/pip uninstall --quiet --yes pip setuptools

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 encore && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin encore \
    && install -d -o encore -g encore -m 0700 /data
COPY --from=build /opt/encore /opt/encore
ENV PATH=/opt/encore/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_URL=sqlite:////data/encore.db \
    WEB_HOST=0.0.0.0 \
    WEB_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["encore", "health"]
ENTRYPOINT ["encore"]
CMD ["run"]
