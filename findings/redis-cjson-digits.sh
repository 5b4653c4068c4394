#!/usr/bin/env bash
# Redis 7.0 (Debian). cjson.encode() in a script writes numbers with 14 significant digits.
# A good guess: an integer that a double holds exactly comes out of decode and encode as it went in.
# Seen: {"id":1732800000000123} becomes {"id":1.7328000000001e+15}: microseconds, and ids above 10^14, are other numbers, though the
# double is exact and redis.call("SET") writes all of it. Needs redis-server.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
redis-server --unixsocket "$folder/redis.sock" --port 0 --save "" >/dev/null & redis=$!
until [ -S "$folder/redis.sock" ]; do read -rt 0.05 <> <(:) || true; done
seen=$(redis-cli -s "$folder/redis.sock" eval '
  local id = cjson.decode(ARGV[1]).id
  redis.call("SET", "id", id)
  return cjson.encode({ id = id }) .. " " .. redis.call("GET", "id")' 0 '{"id":1732800000000123}')
echo "$seen"
test "$seen" = '{"id":1.7328000000001e+15} 1732800000000123'
