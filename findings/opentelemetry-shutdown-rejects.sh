#!/usr/bin/env bash
# @opentelemetry/sdk-trace-base 2.12.1 with exporter-trace-otlp-http 0.223.1. shutdown() of a BatchSpanProcessor rejects if its last export fails.
# A good guess: shutdown() flushes as well as it can and resolves, so a program may end with `void processor.shutdown()`.
# Seen: with a collector that refuses the spans (404) the promise rejects; without a handler that is an unhandled rejection and exit status 1.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/exporter-trace-otlp-http@0.223.1
cat > run.mjs <<'JS'
import { createServer } from "node:http";
import { once } from "node:events";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";

const collector = createServer((request, response) => request.resume().on("end", () => response.writeHead(404).end()));
collector.listen(0, "127.0.0.1");
await once(collector, "listening");
const url = `http://127.0.0.1:${collector.address().port}/v1/traces`;
const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url }));
const provider = new BasicTracerProvider({ spanProcessors: [processor] });
provider.getTracer("t").startSpan("a").end();
const ended = await processor.shutdown().then(() => "resolved", () => "rejected");
collector.close();
console.log({ ended });
if (ended !== "rejected") process.exit(1);
JS
node run.mjs
