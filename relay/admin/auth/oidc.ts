/**
 * Signing in at an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).
 * Nothing is kept between the two halves but a sealed cookie in the browser, so either half may run on another relay of the same
 * storage, or after a restart. The provider is asked for its metadata when it is first needed: a provider that is away keeps
 * nobody out who has the admin token.
 */
import { EncryptJWT, errors as joseErrors, jwtDecrypt } from "jose";
import * as client from "openid-client";
import { z } from "zod";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import { list, own, text } from "../../../lib/json.ts";
import type { OidcSettings } from "../../config/sign-in.ts";

/** Time that a person has at the provider, seconds. */
export const SIGN_IN_SECONDS = 600;
/** Answer time of the provider, seconds. */
const TIMEOUT_SECONDS = 10;

export interface SignedIn {
  readonly name: string;
  /** Never given to anybody else at this issuer. */
  readonly subject: string;
  readonly groups: readonly string[];
  /** The page that was asked for. */
  readonly next: string;
}

/** The provider, or whoever sent the browser back, says no; the text is for the person. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
}

/** How the provider is asked; openid-client makes the requests. */
export type ProviderFetch = client.CustomFetch;

export interface OidcDeps {
  readonly settings: OidcSettings;
  readonly fetch: ProviderFetch;
  /** 32 bytes that all relays of one storage share. */
  readonly sealKey: () => Uint8Array;
}

/** What openid-client finds in an answer that came, but not for the question that was put. */
const MISMATCHES = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
]);

const kept = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), next: z.string() });

/** Both halves of a sign-in. */
export type Provider = Pick<OpenIdConnect, "begin" | "finish">;

export class OpenIdConnect {
  readonly #deps: OidcDeps;
  #provider: Promise<client.Configuration> | null = null;

  constructor(deps: OidcDeps) {
    this.#deps = deps;
  }

  /** Where to send the browser, and the cookie that it must bring back. Rejects with an UpstreamError if the provider is away. */
  async begin(next: string): Promise<{ readonly url: URL; readonly cookie: string }> {
    const provider = await this.#configuration();
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirectUri.href,
      scope: this.#deps.settings.scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
    });
    const cookie = await new EncryptJWT({ state, nonce, verifier, next })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setExpirationTime(`${SIGN_IN_SECONDS} s`)
      .encrypt(this.#deps.sealKey());
    return { url, cookie };
  }

  /**
   * Who it is that the provider sent back. Rejects with SignInRefused if the provider refused or cookie and answer do not belong
   * together, with an UpstreamError if the provider is away.
   * @param search the query of the address that the browser came back to
   */
  async finish(search: string, cookie: string | undefined): Promise<SignedIn> {
    const { state, nonce, verifier, next } = await this.#opened(cookie);
    const provider = await this.#configuration();
    const back = this.#redirectUri;
    back.search = search;
    return this.#asked(async () => {
      const tokens = await client.authorizationCodeGrant(provider, back, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims() as client.IDToken;
      // GitLab tells the groups of its own tree here only; the ID token has direct memberships.
      const more = provider.serverMetadata().userinfo_endpoint
        ? await client.fetchUserInfo(provider, tokens.access_token, claims.sub)
        : {};
      const all: Readonly<Record<string, unknown>> = { ...claims, ...more };
      const { nameClaim, groupsClaim } = this.#deps.settings;
      return {
        name: text(own(all, nameClaim), all["nickname"], all["email"]) ?? claims.sub,
        subject: `${claims.iss} ${claims.sub}`,
        groups: list(own(all, groupsClaim)).filter((name) => typeof name === "string"),
        next,
      };
    });
  }

  get #redirectUri(): URL {
    return new URL(`${this.#deps.settings.publicUrl.replace(/\/$/, "")}/login/callback`);
  }

  async #opened(cookie: string | undefined): Promise<z.output<typeof kept>> {
    try {
      const { payload } = await jwtDecrypt(cookie ?? "", this.#deps.sealKey());
      return kept.parse(payload);
    } catch (error) {
      if (error instanceof joseErrors.JOSEError || error instanceof z.ZodError)
        throw new SignInRefused("this sign-in was not begun here, or took too long: sign in again");
      throw error;
    }
  }

  async #configuration(): Promise<client.Configuration> {
    this.#provider ??= this.#asked(() => this.#discover());
    try {
      return await this.#provider;
    } catch (error) {
      this.#provider = null;
      throw error;
    }
  }

  async #discover(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.#deps.settings;
    const insecure = issuer.startsWith("http:") ? [client.allowInsecureRequests] : [];
    const options = { [client.customFetch]: this.#deps.fetch, timeout: TIMEOUT_SECONDS, execute: insecure };
    const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), options);
    // OpenID Connect Discovery 1.0: a provider that names no way takes client_secret_basic.
    const ways = found.serverMetadata().token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    const authentication = ways.includes("client_secret_basic")
      ? client.ClientSecretBasic(clientSecret)
      : client.ClientSecretPost(clientSecret);
    const provider = new client.Configuration(found.serverMetadata(), clientId, undefined, authentication);
    provider[client.customFetch] = this.#deps.fetch;
    provider.timeout = TIMEOUT_SECONDS;
    for (const extend of insecure) extend(provider);
    return provider;
  }

  async #asked<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (error instanceof client.AuthorizationResponseError)
        throw new SignInRefused(refusalOf(error.error, error.error_description));
      if (error instanceof client.ResponseBodyError && error.status < 500)
        throw new SignInRefused(refusalOf(error.error, error.error_description));
      if (error instanceof client.ClientError && MISMATCHES.has(error.code ?? ""))
        throw new SignInRefused(`the answer of the identity provider does not fit (${error.message})`);
      throw new UpstreamError("identity-provider", `the identity provider: ${messageOf(error)}`, {
        retryable: true,
      });
    }
  }
}

/** @param error a fixed word of RFC 6749 section 4.1.2.1 or 5.2 */
function refusalOf(error: string, description: string | undefined): string {
  const said = description === undefined ? error : `${error}: ${description}`;
  return `the identity provider refused the sign-in (${said.slice(0, 300)})`;
}
