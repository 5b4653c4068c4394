/** The relay's live stream, as far as `tail` needs it: tells what was stored, and when the list has to be looked at. */
import { object, text } from "../../lib/json.ts";
import type { RelayApi } from "../relay-api.ts";
import type { TailedEvent } from "./backlog.ts";

export interface StreamListener {
  stored(event: TailedEvent): void;
  /** Something may have been missed: at the beginning, and after a gap. */
  gap(): void;
}

/** Characters of a message beyond which it is dropped; ours are far shorter. */
const LONGEST_MESSAGE = 1_000_000;

/** Reads until the stream ends or the signal aborts. Rejects with a RelayApiError if there is none. */
export async function followStream(
  api: RelayApi,
  query: ReadonlyMap<string, string>,
  { listener, signal }: { readonly listener: StreamListener; readonly signal: AbortSignal },
): Promise<void> {
  const answer = await api.send("stream", { query, signal, headers: { accept: "text/event-stream" } });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true });
    const messages = rest.split("\n\n");
    rest = messages.pop() as string;
    if (rest.length > LONGEST_MESSAGE) rest = "";
    for (const message of messages) tell(message, listener);
  }
}

function tell(message: string, listener: StreamListener): void {
  const fields = new Map(
    message.split("\n").map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  const kind = fields.get("event");
  if (kind === "hello" || kind === "gap") listener.gap();
  if (kind !== "stored") return;
  const event = object(object(JSON.parse(fields.get("data") ?? "{}"))["event"]);
  const id = text(event["id"]);
  const receivedAt = Date.parse(text(event["receivedAt"]) ?? "");
  if (id === null || Number.isNaN(receivedAt)) listener.gap();
  else listener.stored({ id, receivedAt, summary: text(event["summary"]) ?? "" });
}
