/** A real OpenID Connect provider on loopback, with people who sign in at once, and with the list of groups of GitLab's API. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

export interface ProviderPerson {
  readonly preferred_username: string;
  /** The claim, whatever it holds. */
  readonly groups?: unknown;
  /** What the API lists. */
  readonly listed?: readonly string[];
}

export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next, by subject; null: they refuse. */
  signsIn: string | null;
  /** How the API answers for groups; null: with the list. */
  apiRefusal: { readonly status: number; readonly headers: Readonly<Record<string, string>> } | null;
  /** Pages of groups that were asked for. */
  pagesAsked: number;
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
    scopes: ["openid", "profile", "read_api"],
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId, accountId: oidc.session?.accountId as string });
      grant.addOIDCScope("openid profile read_api");
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
    apiRefusal: null,
    pagesAsked: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const address = new URL(request.url ?? "/", issuer);
    if (address.pathname === "/api/v4/groups") return void listGroups(request, address, response);
    if (!address.pathname.startsWith("/interaction/")) return void answer(request, response);
    const result =
      made.signsIn === null ? { error: "access_denied" } : { login: { accountId: made.signsIn } };
    return void provider.interactionFinished(request, response, result);
  });
  /** As GitLab: by page, for a token with the scope read_api. */
  async function listGroups(
    request: IncomingMessage,
    { searchParams }: URL,
    response: ServerResponse,
  ): Promise<void> {
    made.pagesAsked += 1;
    const token = await provider.AccessToken.find(
      request.headers.authorization?.slice("Bearer ".length) ?? "",
    );
    const mayList = token?.scope?.split(" ").includes("read_api") === true;
    const refusal = made.apiRefusal ?? (mayList ? null : { status: 403, headers: {} });
    if (refusal !== null) return void response.writeHead(refusal.status, refusal.headers).end("{}");
    const [page, size] = [Number(searchParams.get("page")), Number(searchParams.get("per_page"))];
    const all =
      searchParams.get("min_access_level") === "10"
        ? (people[token?.accountId ?? ""]?.listed ?? [])
        : ["public"];
    const shown = all.slice((page - 1) * size, page * size);
    const next = page * size < all.length ? String(page + 1) : "";
    response.writeHead(200, { "content-type": "application/json", "x-next-page": next });
    response.end(
      JSON.stringify(shown.map((path, index) => ({ id: (page - 1) * size + index + 1, full_path: path }))),
    );
  }
  return made;
}
