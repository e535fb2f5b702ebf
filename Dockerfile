# syntax=docker/dockerfile:1
# Two stages: a static binary, and an image that holds nothing but it.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod GOWORK=off go mod download
COPY cmd ./cmd
COPY pkg ./pkg
ARG TARGETOS TARGETARCH VERSION=dev COMMIT=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOWORK=off GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/agent ./cmd/agent
# What the final image needs besides the binary: directories that the
# unprivileged user owns, since there is no shell there to make them.
RUN mkdir -p /out/root/var/lib/shiplog /out/root/etc/shiplog && chmod 0700 /out/root/var/lib/shiplog

# Certificates, time zones and a passwd with "nonroot" (65532), and no shell.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="shiplog" \
      org.opencontainers.image.description="Ships audit events to SIEMs, and can prove that nothing is missing" \
      org.opencontainers.image.source="https://github.com/shiplog/shiplog" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build --chown=65532:65532 /out/root/ /
COPY --from=build /out/agent /usr/local/bin/agent
USER 65532:65532
# The only place that is written to: run with a read-only root file system.
VOLUME ["/var/lib/shiplog"]
EXPOSE 9464
STOPSIGNAL SIGTERM
# There is no shell and no curl here: the binary asks itself. Settings as in the config.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/agent", "status", "--healthz"]
ENTRYPOINT ["/usr/local/bin/agent"]
CMD ["run"]
