/**
 * What never becomes a request: bytes that the HTTP parser refuses, methods that it does not know, and CONNECT. The answer is written
 * by hand, and the connection is gone soon after, whether the other side closes its own or not.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { systemCode } from "../../lib/errors.ts";

/** How long such a sender may take to read the answer. */
const LAST_WORDS_MS = 2000;

export function errorBody(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}

interface Refusal {
  /** Status and reason, and the headers behind them. */
  readonly head: string;
  readonly code: string;
  readonly message: string;
}

const NO_SUCH_METHOD: Refusal = {
  head: "405 Method Not Allowed\r\nAllow: POST",
  code: "method_not_allowed",
  message: "method not allowed; use POST",
};

const MALFORMED: Refusal = {
  head: "400 Bad Request",
  code: "malformed",
  message: "the request is not valid HTTP",
};

/** The parser's own error, with what it was given. */
export type ParserError = Error & { readonly rawPacket?: Uint8Array };

/** Unless an answer has begun, says what is wrong. */
export function refuseMalformed(
  error: ParserError,
  socket: Socket & { readonly _httpMessage?: ServerResponse | null },
  clock: Clock,
): void {
  if (!socket.writable || systemCode(error) === "ECONNRESET" || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  refuse(refusalOf(error), socket, clock);
}

/** The relay is no proxy. */
export function refuseConnect(socket: Socket, clock: Clock): void {
  // A connection that is reset meanwhile needs no answer.
  socket.on("error", () => socket.destroy());
  refuse(NO_SUCH_METHOD, socket, clock);
}

function refuse({ head, code, message }: Refusal, socket: Socket, clock: Clock): void {
  const body = errorBody(code, message);
  const timer = clock.after(LAST_WORDS_MS, () => socket.destroy());
  socket.once("close", () => timer.cancel());
  socket.end(
    `HTTP/1.1 ${head}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function refusalOf(error: ParserError): Refusal {
  switch (systemCode(error)) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { head: "408 Request Timeout", code: "timeout", message: "the request did not come in time" };
    case "HPE_HEADER_OVERFLOW":
      return {
        head: "431 Request Header Fields Too Large",
        code: "headers_too_large",
        message: "the headers are too large",
      };
    case "HPE_INVALID_METHOD":
      return isRequestLine(error.rawPacket) ? NO_SUCH_METHOD : MALFORMED;
    default:
      return MALFORMED;
  }
}

/** Bytes of a request line that are looked at. */
const LINE_BYTES = 1024;
/** A method of any name, a target, and a version; all else is another protocol. */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} \S+ HTTP\/1\.[01]\r?\n/;

function isRequestLine(bytes: Uint8Array | undefined): boolean {
  return (
    bytes !== undefined && REQUEST_LINE.test(Buffer.from(bytes.subarray(0, LINE_BYTES)).toString("latin1"))
  );
}
