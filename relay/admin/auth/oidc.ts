/**
 * Signing in at an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).
 * Nothing is kept between the two halves but a sealed cookie in the browser, so either half may run on another relay of the same
 * storage, or after a restart. The provider is asked for its metadata when it is first needed: a provider that is away keeps
 * no one out who has the admin token.
 */
import { EncryptJWT, errors as joseErrors, jwtDecrypt } from "jose";
import * as client from "openid-client";
import { z } from "zod";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import { own, text } from "../../../lib/json.ts";
import { oneLine } from "../../../lib/one-line.ts";
import type { OidcSettings } from "../../config/sign-in.ts";
import { groupsInClaims, groupsOfGitlab, SignInRefused } from "./groups.ts";

/** Code of an UpstreamError: the provider does not answer, or not as one. */
export const PROVIDER_AWAY = "identity-provider";
/** Time that a person has at the provider, seconds. */
export const SIGN_IN_SECONDS = 600;
/** Answer time of the provider, seconds. */
const TIMEOUT_SECONDS = 10;
/** Bytes of a `sub`: OpenID Connect Core 1.0, section 2. */
const MAX_SUBJECT = 255;
/** What GitLab asks of a token that lists groups. */
const API_SCOPE = "read_api";

export interface SignedIn {
  readonly name: string;
  /** Never given to anybody else at this issuer. */
  readonly subject: string;
  /** Null: the provider did not say. */
  readonly groups: readonly string[] | null;
  /** The page that was asked for. */
  readonly next: string;
}

/** How the provider is asked; openid-client makes the requests. */
export type ProviderFetch = client.CustomFetch;

export interface OidcDeps {
  readonly settings: OidcSettings;
  readonly fetch: ProviderFetch;
  /** 32 bytes that all relays of one storage share. */
  readonly sealKey: () => Uint8Array;
}

const CLOCKS_DIFFER = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";
/** What openid-client finds in an answer that came, but not for the question that was put. */
const MISMATCHES = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
  CLOCKS_DIFFER,
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

  /** Where to send the browser, and the cookie that it must bring back. Rejects as finish() does. */
  async begin(next: string): Promise<{ readonly url: URL; readonly cookie: string }> {
    const provider = await this.#configuration();
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirectUri.href,
      scope: scopeOf(this.#deps.settings),
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
      const { nameClaim, groupsClaim, groupsFrom, issuer } = this.#deps.settings;
      if (Buffer.byteLength(claims.sub) > MAX_SUBJECT)
        throw new SignInRefused(
          `the identity provider's id of this person is longer than ${MAX_SUBJECT} bytes`,
        );
      return {
        name: oneLine(text(own(all, nameClaim), all["nickname"], all["email"]) ?? "") || claims.sub,
        subject: `${claims.iss} ${claims.sub}`,
        groups:
          groupsFrom === "api"
            ? await groupsOfGitlab(issuer, (address) => this.#get(provider, tokens.access_token, address))
            : groupsInClaims(all, groupsClaim),
        next,
      };
    });
  }

  /** Asks with a person's access token. What is refused is an answer, too. */
  async #get(provider: client.Configuration, token: string, address: URL): Promise<Response> {
    try {
      return await client.fetchProtectedResource(provider, token, address, "GET");
    } catch (error) {
      if (!(error instanceof client.WWWAuthenticateChallengeError)) throw error;
      return error.response;
    }
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
      if (error instanceof SignInRefused) throw error;
      if (error instanceof client.AuthorizationResponseError)
        throw new SignInRefused(refusalOf(error.error, error.error_description));
      if (error instanceof client.ResponseBodyError && error.status < 500)
        throw new SignInRefused(refusalOf(error.error, error.error_description));
      if (error instanceof client.ClientError && MISMATCHES.has(error.code ?? ""))
        throw new SignInRefused(
          `the answer of the identity provider does not fit (${causeOf(error)}${error.code === CLOCKS_DIFFER ? ": compare its clock with that of the relay" : ""})`,
        );
      throw new UpstreamError(PROVIDER_AWAY, `the identity provider: ${messageOf(error)}`, {
        retryable: true,
      });
    }
  }
}

function scopeOf({ scope, groupsFrom }: OidcSettings): string {
  const scopes = scope.split(" ");
  const mayList = groupsFrom !== "api" || scopes.includes(API_SCOPE) || scopes.includes("api");
  return mayList ? scope : `${scope} ${API_SCOPE}`;
}

/** openid-client says what kind of fault it is, and oauth4webapi below it which one. */
function causeOf(error: Error): string {
  return messageOf(error.cause instanceof Error ? error.cause : error);
}

/** @param error a fixed word of RFC 6749 section 4.1.2.1 or 5.2 */
function refusalOf(error: string, description: string | undefined): string {
  const said = description === undefined ? error : `${error}: ${description}`;
  return `the identity provider refused the sign-in (${said.slice(0, 300)})`;
}
