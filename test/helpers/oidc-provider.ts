/** A real OpenID Connect provider on loopback, with people who sign in at once. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

export interface ProviderPerson {
  readonly preferred_username: string;
  readonly groups: readonly string[];
}

export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next, by subject; null: they refuse. */
  signsIn: string | null;
  close(): Promise<void>;
}

/** @param redirectUri where it sends browsers back to */
export async function startProvider(
  people: Readonly<Record<string, ProviderPerson>>,
  redirectUri: string,
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ["hook-relay", "a-client-secret-of-the-test"];
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId, accountId: oidc.session?.accountId as string });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
    cookies: { keys: ["a-key-of-the-test"] },
  });
  const answer = provider.callback();
  const made: TestProvider = {
    issuer,
    clientId,
    clientSecret,
    signsIn: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.startsWith("/interaction/")) return void answer(request, response);
    const result =
      made.signsIn === null ? { error: "access_denied" } : { login: { accountId: made.signsIn } };
    return void provider.interactionFinished(request, response, result);
  });
  return made;
}
