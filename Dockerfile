# syntax=docker/dockerfile:1
# One image for every role: `docker run releve api`, `… worker --lane bulk`, `… beat`, `… flower`, `… simulator`.

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
RUN pip install --no-cache-dir --root-user-action=ignore uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/releve \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# The dependencies change less often than the code: they have a layer of their own.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-install-project
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-editable

FROM python:${PYTHON_VERSION}-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/releve --create-home --shell /usr/sbin/nologin releve
COPY --from=build /opt/releve /opt/releve
ENV PATH=/opt/releve/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RELEVE_DATA_DIR=/var/lib/releve
USER releve
WORKDIR /var/lib/releve
VOLUME /var/lib/releve
EXPOSE 8000
ENTRYPOINT ["releve"]
CMD ["api", "--host", "0.0.0.0"]
# Of the default command; docker-compose.yml says for each other role what healthy means.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
