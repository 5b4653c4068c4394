/** How the identity provider is asked: as GitLab's API is, through the proxy that the environment names and with a bound on the answer. */
import type { Transport } from "../../lib/gitlab/transport.ts";
import type { ProviderFetch } from "../admin/auth/oidc.ts";

/** Milliseconds for an exchange that its caller does not bound. */
const TIMEOUT_MS = 10_000;

export function providerFetch(transport: Transport): ProviderFetch {
  return async (url, { method, headers, body, signal }) => {
    const received = await transport(new URL(url), {
      method: method === "POST" ? "POST" : "GET",
      headers,
      signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    });
    return new Response(received.text, { status: received.status, headers: received.headers });
  };
}
