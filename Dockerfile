# An image with Partita, its drivers and the shop; an app of your own: FROM this one, and COPY your package beside it.
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --prefix=/installed '.[postgres,kafka,shop]'

FROM python:3.13-slim
COPY --from=build /installed /usr/local
RUN useradd --system --uid 10001 --no-create-home partita && install -d -o partita /var/lib/partita
USER 10001
WORKDIR /app
ENV PARTITA_DATA=/var/lib/partita PYTHONUNBUFFERED=1
VOLUME /var/lib/partita
# In exec form: SIGTERM reaches the process itself, which finishes what is in work.
ENTRYPOINT ["partita"]
CMD ["--help"]
