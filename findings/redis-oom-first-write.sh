#!/usr/bin/env bash
# Redis 7.0 (Debian), maxmemory reached, noeviction. Whether a script without a shebang may use more memory depends on its first write.
# A good guess: each command is checked, or the script as a whole.
# Seen: a script that begins with HSET is refused with OOM; one that begins with ZREM on a key that is not there then stores all it likes.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
redis-server --unixsocket "$folder/redis.sock" --port 0 --save "" --maxmemory 1 --maxmemory-policy noeviction >/dev/null & redis=$!
until [ -S "$folder/redis.sock" ]; do read -rt 0.05 <> <(:) || true; done
run() { redis-cli -s "$folder/redis.sock" eval "$1" 0 2>&1 | cut -d ' ' -f 1; }
seen="$(run 'return redis.call("HSET", "a", "field", "value")') $(run 'redis.call("ZREM", "z", "member") return redis.call("HSET", "b", "field", "value")')"
echo "$seen"
test "$seen" = "OOM 1"
