/**
 * Which proxy a URL is reached through, by the usual variables: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper or
 * lower case. NO_PROXY lists hosts, `.suffixes`, addresses, each perhaps with a port, or `*`. Loopback is never proxied.
 */

export type ProxyEnv = Readonly<Record<string, string | undefined>>;

/** Null: reached directly. A variable that holds no http or https URL counts as unset. */
export function proxyFor(url: URL, env: ProxyEnv): URL | null {
  const variable = (name: string): string => env[name.toLowerCase()] || env[name] || "";
  const value =
    (url.protocol === "https:" ? variable("HTTPS_PROXY") : variable("HTTP_PROXY")) || variable("ALL_PROXY");
  if (value === "" || isExempt(url, variable("NO_PROXY"))) return null;
  const withScheme = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(withScheme)) return null;
  const proxy = new URL(withScheme);
  return proxy.protocol === "http:" || proxy.protocol === "https:" ? proxy : null;
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return true;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [, name = "", wantedPort] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      if (wantedPort !== undefined && wantedPort !== port) return false;
      const suffix = name.replace(/^\*?\./, "");
      return host === suffix || host.endsWith(`.${suffix}`);
    });
}
