# One build, three small images: docker build --target relay-ws | worker | admin
# The compiler that bench/profile was made with.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    scripts/release --locked \
    && mkdir /out && cp target/release/relay-ws target/release/worker target/release/admin /out/

FROM debian:bookworm-slim AS base
# /health/ready without curl: bash can open a socket itself.
COPY --chmod=755 scripts/healthcheck /usr/local/bin/healthcheck
RUN useradd --system --uid 10001 --no-create-home switchyard
USER switchyard

FROM base AS relay-ws
COPY --from=build /out/relay-ws /usr/local/bin/
EXPOSE 3000 9301
CMD ["relay-ws"]

FROM base AS worker
COPY --from=build /out/worker /usr/local/bin/
EXPOSE 9302
CMD ["worker"]

FROM base AS admin
COPY --from=build /out/admin /usr/local/bin/
EXPOSE 3010 9303
CMD ["admin"]
