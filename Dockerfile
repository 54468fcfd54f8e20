# One image for both processes: `picket central` and `picket agent`. Any Debian 12 base will do; a mirror or a digest is
# given with --build-arg BASE=...
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS builder
# Debian's own Node only runs the launcher, which then does what it does on any fresh Debian: toolchain, npm packages by
# the lock file's hashes, kernel programs, addon, emitted JavaScript.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
# Behind a proxy that signs for others, its authorities come as `--secret id=authorities,src=FILE.pem`, a registry of one's own
# as `--build-arg NPM_CONFIG_REGISTRY=...`. Neither reaches the image that is kept.
ARG NPM_CONFIG_REGISTRY
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN --mount=type=secret,id=authorities \
    if [ -s /run/secrets/authorities ]; then \
      cp /run/secrets/authorities /usr/local/share/ca-certificates/build.crt && update-ca-certificates; \
    fi
WORKDIR /opt/picket
# Toolchain and packages first: they are built again only when the lock file or the launcher changes.
COPY package.json package-lock.json ./
COPY cli/launch.mjs cli/launch.mjs
COPY cli/setup cli/setup
RUN node cli/launch.mjs --toolchain
COPY . .
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund \
 # The pinned Node moves to a path that does not depend on the processor; npm and headers stay behind.
 && mv node_modules/node-linux-*/bin/node /opt/node \
 && rm -rf node_modules/node-linux-* \
 # Half of what the packages weigh is for who debugs or compiles against them.
 && find node_modules -name '*.map' -o -name '*.d.ts' | xargs rm -f

FROM ${BASE} AS runtime
# What the addon is linked with. No compiler, no npm, no package that only the build needs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libbpf1 libelf1 zlib1g libstdc++6 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
WORKDIR /opt/picket
COPY --from=builder /opt/node /usr/local/bin/node
COPY --from=builder /opt/picket/package.json /opt/picket/LICENSE ./
COPY --from=builder /opt/picket/native/bpf/LICENSE /opt/picket/native/bpf/LICENSE.GPL-2.0 /opt/picket/native/bpf/LICENSE.BSD-2-Clause native/bpf/
COPY --from=builder /opt/picket/node_modules node_modules
COPY --from=builder /opt/picket/build/Release/picket.node /opt/picket/build/Release/picket-canary build/Release/
COPY --from=builder /opt/picket/dist dist
# `exec`: picket is process 1 and gets the signals itself.
RUN printf '#!/bin/sh\nexec /usr/local/bin/node --disable-warning=ExperimentalWarning --max-semi-space-size=1 --memory-saver-mode --v8-pool-size=1 /opt/picket/dist/cli/main.js "$@"\n' \
      > /usr/local/bin/picket \
 && chmod 0755 /usr/local/bin/picket \
 && mkdir -p /var/lib/picket && chown 65532:65532 /var/lib/picket
# Compiled code is kept between starts where this folder is writable; with a read-only root, mount one there.
ENV NODE_COMPILE_CACHE=/var/cache/picket
# Central needs no right at all. The agent's DaemonSet asks for user 0 with the few capabilities it names.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/picket"]
CMD ["help"]
