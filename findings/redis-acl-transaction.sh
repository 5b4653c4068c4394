#!/usr/bin/env bash
# Redis 7.0 (Debian). A user with +@read and +@write may run every command of a transaction, and no transaction.
# A good guess: the categories of the commands decide, as MULTI and EXEC read and write nothing of their own.
# Seen: SET and GET pass, MULTI is NOPERM; it is in @transaction alone. A program that uses multi() in one rare place works until then.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
redis-server --unixsocket "$folder/redis.sock" --port 0 --save "" >/dev/null & redis=$!
until [ -S "$folder/redis.sock" ]; do read -rt 0.05 <> <(:) || true; done
cli() { redis-cli -s "$folder/redis.sock" --no-auth-warning "$@" 2>&1 | cut -d ' ' -f 1 | head -1; }
cli acl setuser app on '>secret' '~*' +@read +@write >/dev/null
seen="$(cli --user app --pass secret set key value) $(cli --user app --pass secret get key) $(cli --user app --pass secret multi)"
echo "$seen"
test "$seen" = "OK value NOPERM"
