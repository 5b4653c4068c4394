/** The identity provider of the settings in force: made when it is first needed, and anew after the settings changed. */
import { createHmac } from "node:crypto";
import type { OidcSettings } from "../../config/sign-in.ts";
import type { AdminDeps } from "../ports.ts";
import { OpenIdConnect } from "./oidc.ts";

export function currentProvider({
  config,
  fetch,
}: Pick<AdminDeps, "config" | "fetch">): () => OpenIdConnect | null {
  let made: { readonly settings: OidcSettings; readonly provider: OpenIdConnect } | null = null;
  const sealKey = (): Uint8Array =>
    createHmac("sha256", config().admin.token).update("gitlab-hook-relay/sign-in/v1").digest();
  return () => {
    const settings = config().admin.oidc;
    if (settings === undefined) return null;
    if (made?.settings !== settings)
      made = { settings, provider: new OpenIdConnect({ settings, fetch, sealKey }) };
    return made.provider;
  };
}
