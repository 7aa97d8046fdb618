# One image for every part of AnsFlow: `ansflow serve`, `worker`, `scheduler`, `migrate`.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
# Everything that the lock names, verified by its hashes, the build tools among it.
RUN pip download --quiet --require-hashes --no-deps --only-binary :all: --dest /wheels -r requirements.lock
RUN python -m venv /tools && /tools/bin/pip install --quiet --no-index --find-links /wheels hatchling
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN /tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels .
# From the verified files alone, so that only what running needs is installed, as locked.
RUN python -m venv /opt/ansflow \
    && /opt/ansflow/bin/pip install --quiet --no-index --find-links /wheels ansflow \
    && /opt/ansflow/bin/pip uninstall --quiet --yes pip

FROM ${PYTHON_IMAGE}
# What steps of pipelines use: git for checkouts, ssh for its transport.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 ansflow \
    && useradd --system --uid 10001 --gid ansflow --create-home --home-dir /home/ansflow --shell /usr/sbin/nologin ansflow \
    && install -d -o ansflow -g ansflow -m 0750 /var/lib/ansflow
COPY --from=build /opt/ansflow /opt/ansflow
COPY examples /usr/share/ansflow/examples
ENV PATH=/opt/ansflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ANSFLOW_SERVER__HOST=0.0.0.0 \
    ANSFLOW_SERVER__PORT=8000 \
    ANSFLOW_DATA__FOLDER=/var/lib/ansflow
USER ansflow
WORKDIR /var/lib/ansflow
VOLUME /var/lib/ansflow
EXPOSE 8000
# The server's own answer about what it depends on; parts without HTTP turn this off.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['ANSFLOW_SERVER__PORT']}/health/ready\", timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["ansflow"]
CMD ["serve"]
