# The image of the service: Python, the locked packages, the service, its API description and its catalogue. No simulator, no tests, no tools.
#   docker build -t panless .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 --env-file panless.env panless
# The base is pinned by tag. Its digest changes with each security update of the base: pin it where you build
# (`docker buildx imagetools inspect python:3.11-slim-bookworm`), and let your updater move it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.txt \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv

FROM python:3.11-slim-bookworm
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY service/ ./service/
COPY openapi.yaml plans.toml ./
# Byte code is made here, once: at run time the files belong to root and nothing is written beside them.
RUN python -m compileall -q --invalidation-mode unchecked-hash service
# PANLESS_ENVIRONMENT is left out on purpose: the service does not start before somebody has said which one it is.
# Inside a container loopback reaches nobody, so it listens on all of the container's addresses.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PANLESS_BIND=0.0.0.0:8080 \
    PANLESS_METRICS_BIND=0.0.0.0:8081
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["python", "-m", "service", "serve"]
