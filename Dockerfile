# The relay (the default command) and the installer (`gitlab-hook-relay`, for the component's jobs) in one image.
# Node 24 runs the TypeScript sources as they are: nothing is compiled, so nothing can differ from what the tests ran.

FROM node:24.21.0-alpine AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: the programs need none, and a dependency's cannot run here.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-alpine
# The queue's folder exists and belongs to the user before it becomes a volume: a new named volume takes over both.
RUN mkdir /data && chown node:node /data \
 && printf '#!/bin/sh\nexec node /app/cli/main.ts "$@"\n' > /usr/local/bin/gitlab-hook-relay \
 && chmod 755 /usr/local/bin/gitlab-hook-relay
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY lib ./lib
COPY relay ./relay
COPY component ./component
COPY cli ./cli
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 RELAY_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# A command and no entrypoint: GitLab's runner starts a shell in the image.
CMD ["node", "relay/main.ts"]
