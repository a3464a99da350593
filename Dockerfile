# The RunPod endpoint, the Prefect worker and the one-shot pod, in one image with one entry point.
#
#   docker build -t YOU/f5-flows .
#   docker build -t YOU/f5-flows --build-arg COMPONENTS="f5-tts whisperx" .      components baked in
#   docker build -t YOU/f5-flows --build-arg USER=root .                         for a RunPod network volume
#
# Pin the base by its digest for builds that can be repeated: --build-arg BASE=ghcr.io/swivid/f5-tts@sha256:...
ARG BASE=ghcr.io/swivid/f5-tts:main
FROM ${BASE}

ARG COMPONENTS=""
# RunPod mounts network volumes for root; without one, nothing here needs it.
ARG USER=f5flows

LABEL org.opencontainers.image.title="f5-flows" \
      org.opencontainers.image.description="Text to speech in a cloned voice, with subtitles timed to the word" \
      org.opencontainers.image.source="https://github.com/f5-flows/f5-flows" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/opt/f5-flows/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UV_PROJECT_ENVIRONMENT=/opt/f5-flows/venv \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_SYSTEM_CERTS=true \
    F5_FLOWS_HOME=/opt/f5-flows/home \
    RUNTIME_DIR=/opt/f5-flows/runtime \
    ENGINE=f5-tts \
    STEP_RETRIES=7 \
    RUNPOD_INIT_TIMEOUT=800

WORKDIR /opt/f5-flows
# The lock's versions lie over the base's packages, in an environment that sees those; PyTorch stays the base's.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN python3 -m venv --system-site-packages venv \
 && python3 -m pip --python venv/bin/python install -q uv \
 && uv sync -q --frozen --inexact --no-install-project --extra espeak --extra google --extra endpoint

COPY blocks blocks
COPY deployments deployments
COPY flows flows
COPY speech speech
COPY tasks tasks
# The server's database is made now, for that takes 20 s: a container that is given no Prefect server uses it.
RUN uv sync -q --frozen --inexact --no-editable --extra espeak --extra google --extra endpoint \
 && { [ "$USER" = root ] || useradd --uid 10001 --create-home "$USER"; } \
 && mkdir -p home runtime && chown -R "$USER" home runtime

USER ${USER}
RUN f5-flows server start && f5-flows server stop \
 && if [ -n "$COMPONENTS" ]; then f5-flows runtime install $COMPONENTS; fi

HEALTHCHECK --interval=30s --start-period=120s CMD ["f5-flows", "healthcheck"]
ENTRYPOINT ["f5-flows"]
CMD ["endpoint"]
