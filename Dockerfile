# Muster in a container: `docker build -t muster .`
# The image of the Node security release of 2026-10-21 (24.22.2; or 26.13 and later). Debian, not Alpine: the
# packages' binaries are taken for glibc.
ARG NODE_IMAGE=node:24.22.2-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Optional packages stay: the Argon2 binaries are among them. The Node binaries among them are for machines with an older
# Node; here the image's own must run.
RUN npm ci --omit=dev --ignore-scripts --no-fund --no-audit \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node \
 && node --input-type=module --eval "await import('@node-rs/argon2')"

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    MUSTER_DATA=/data \
    MUSTER_LISTEN=0.0.0.0 \
    MUSTER_SAMPLE=off
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json package-lock.json LICENSE ./
COPY bin ./bin
COPY config ./config
COPY src ./src
# `muster` on the PATH for `docker exec`. The stamp says that the packages are as the lockfile wants them.
RUN chmod 0755 bin/muster \
 && ln -s /app/bin/muster /usr/local/bin/muster \
 && touch node_modules/.package-lock.json \
 && install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
# HTTP; LDAP and LDAPS; RADIUS
EXPOSE 8080/tcp 1389/tcp 1636/tcp 1812/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.MUSTER_HTTP_PORT ?? 8080}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts", "serve"]
