# The relay (the default command) and the program `gitlab-hook-relay` (for the component's jobs) in one image: the build, and nothing else.

FROM node:24.21.0-alpine AS build
WORKDIR /src
COPY package.json package-lock.json ./
# No install scripts: the build needs none, and a dependency's cannot run here.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.ts --out /app

FROM node:24.21.0-alpine
# The queue's folder exists and belongs to the user before it becomes a volume: a new named volume takes over both.
RUN mkdir /data && chown node:node /data \
 && ln -s /app/bin/gitlab-hook-relay.js /usr/local/bin/gitlab-hook-relay
WORKDIR /app
COPY --from=build /app ./
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 RELAY_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# A command and no entrypoint: GitLab's runner starts a shell in the image.
CMD ["node", "relay.js"]
