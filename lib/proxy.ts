/**
 * Which proxy leads to an address, as curl reads the variables: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either case.
 *
 * undici's EnvHttpProxyAgent is not used for this: it sends https through HTTP_PROXY if HTTPS_PROXY is unset, lets an empty
 * lower-case variable hide the upper-case one, takes `host:port` for an invalid URL and knows neither networks nor bare IPv6
 * addresses in NO_PROXY. Both programs share this reading, so a variable means the same to each of them. Pure.
 */
import { BlockList, isIP } from "node:net";
import { ConfigError, type Problem } from "./errors.ts";

export type ProxyEnv = Readonly<Record<string, string | undefined>>;

export interface ProxyServer {
  /** `http://host:port/`, without credentials. */
  readonly uri: string;
  /** Value of `Proxy-Authorization`; null: the variable has no credentials. */
  readonly authorization: string | null;
  /** `host:port`, for messages. */
  readonly shown: string;
}

/**
 * The proxy for an address; null: it is reached directly. Loopback always is.
 * Throws ConfigError, without the value, if the variable cannot be read.
 */
export function proxyFor(url: URL, env: ProxyEnv): ProxyServer | null {
  if (isExempt(url, valueOf(env, "NO_PROXY") ?? "")) return null;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  for (const variable of [name, "ALL_PROXY"]) {
    const value = valueOf(env, variable);
    if (value !== null) return readProxy(value, variable);
  }
  return null;
}

/** The problems of all proxy variables that are set, without their values. */
export function proxyProblems(env: ProxyEnv): readonly Problem[] {
  return ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].flatMap((name) => {
    const value = valueOf(env, name);
    try {
      if (value !== null) readProxy(value, name);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  });
}

/** Credentials in the proxy variables, as they stand there and as they are sent: secrets that no output may show. */
export function proxySecrets(env: ProxyEnv): readonly string[] {
  return ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].flatMap((name) => {
    const { password } = splitProxy(valueOf(env, name) ?? "");
    return password === null || password === "" ? [] : [password, unescaped(password)];
  });
}

function valueOf(env: ProxyEnv, name: string): string | null {
  const value = (env[name.toLowerCase()] || env[name] || "").trim();
  return value === "" ? null : value;
}

interface ProxyParts {
  readonly scheme: string;
  readonly user: string | null;
  readonly password: string | null;
  /** `host:port`, and nothing that follows. */
  readonly host: string;
}

/** Credentials end at the last `@`: before it `#`, `/`, `?` and `@` need no escape. */
function splitProxy(value: string): ProxyParts {
  const [, scheme = "http", rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(value) ?? [];
  const at = rest.lastIndexOf("@");
  const host = rest.slice(at + 1).replace(/[/?#].*$/s, "");
  if (at < 0) return { scheme: scheme.toLowerCase(), user: null, password: null, host };
  const credentials = rest.slice(0, at);
  const colon = credentials.indexOf(":");
  return {
    scheme: scheme.toLowerCase(),
    user: colon < 0 ? credentials : credentials.slice(0, colon),
    password: colon < 0 ? "" : credentials.slice(colon + 1),
    host,
  };
}

function readProxy(value: string, variable: string): ProxyServer {
  const { scheme, user, password, host } = splitProxy(value);
  if (scheme !== "http" && scheme !== "https") {
    throw problem(
      variable,
      "names a kind of proxy that is not supported: only http:// and https:// proxies are",
    );
  }
  const address = `${scheme}://${host}/`;
  // The parser of URLs drops tabs and line ends; an address that holds them is none.
  if (host === "" || /[\s\\]/.test(host) || !URL.canParse(address)) {
    throw problem(variable, "is not the address of a proxy: write http://user:password@host:port");
  }
  const url = new URL(address);
  const port = url.port || (scheme === "https" ? "443" : "80");
  const pair = user === null ? null : `${unescaped(user)}:${unescaped(password ?? "")}`;
  return {
    uri: url.href,
    authorization: pair === null ? null : `Basic ${Buffer.from(pair).toString("base64")}`,
    shown: `${url.hostname}:${port}`,
  };
}

function problem(variable: string, message: string): ConfigError {
  return new ConfigError([{ path: variable, message }]);
}

/** With `%40` as `@`; a percent sign that begins no escape stays as it is. */
function unescaped(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** NO_PROXY: names that cover the names below them, addresses and networks, each perhaps with a port, or `*`. */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return true;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== "" && (entry === "*" || covers(entry, host, port)));
}

function covers(entry: string, host: string, port: string): boolean {
  if (isIP(host) !== 0 && entry.includes("/")) return isWithin(host, entry);
  const [, name = "", wantedPort] =
    isIP(entry) === 6 ? [entry, entry] : (/^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry) ?? []);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const suffix = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`));
}

function isWithin(host: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  const family = isIP(base);
  const longest = family === 4 ? 32 : 128;
  if (family === 0 || family !== isIP(host) || !/^\d{1,3}$/.test(bits) || Number(bits) > longest)
    return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family === 4 ? "ipv4" : "ipv6");
  return list.check(host, family === 4 ? "ipv4" : "ipv6");
}
