# An executor: telexec-service, its command-line client, and nothing else on top of the base.
#
#   docker build -t telexec .
#   docker build -t telexec --build-arg BASE=your/image .     any Debian with Python 3.11 or later

ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tini \
        $(python3 -c 'import ensurepip' || echo python3-venv)
WORKDIR /source
# What changes least comes first: a change of the sources downloads nothing again.
COPY deploy/build.lock deploy/image.lock deploy/
RUN python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r deploy/build.lock \
    && python3 -m venv --without-pip /opt/telexec \
    && /build/bin/pip --python /opt/telexec/bin/python3 install --no-cache-dir --require-hashes -r deploy/image.lock
COPY . .
RUN /build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /opt/telexec/wheel . \
    && /build/bin/pip --python /opt/telexec/bin/python3 install --no-cache-dir --no-deps /opt/telexec/wheel/*.whl

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="telexec" \
      org.opencontainers.image.description="Runs processes for orchestrators, in this host's environment" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /usr/bin/tini-static /usr/bin/tini
COPY --from=build /opt/telexec /opt/telexec
# One run as root writes the bytecode of whatever is imported: on a read-only file system nobody could.
RUN groupadd --gid 65532 telexec \
    && useradd --uid 65532 --gid telexec --no-create-home --home-dir /workspace telexec \
    && install -d -o telexec -g telexec /workspace \
    && cd /workspace && /opt/telexec/bin/telexec run -- true
ENV PATH=/opt/telexec/bin:$PATH \
    TELEXEC_LISTEN=ws://0.0.0.0:7333 \
    TELEXEC_TOKEN_FILE=/run/secrets/telexec_token
USER 65532:65532
WORKDIR /workspace
EXPOSE 7333
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["telexec-service", "ready"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["telexec-service"]
