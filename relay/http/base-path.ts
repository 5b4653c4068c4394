/**
 * The prefix below which the relay is reached, such as /relay behind a proxy that serves several programs. All other code writes and
 * reads paths as from the root; here the prefix is taken off requests and put before the links, redirects and cookies of answers.
 *
 * Requests without the prefix are answered too: a proxy may take it off itself, and probes of a container platform come past it.
 */

export interface BasePath {
  /** The prefix without a slash at its end; empty: none. */
  readonly prefix: string;
  /** Target of a request (path and query) as the relay's handlers read it. */
  inbound(url: string): string;
  /** The answer as a client below the prefix must see it. */
  outbound(response: Response): Response | Promise<Response>;
}

/** Attributes whose value is a path; text of others never holds a bare quote, so nothing else looks like this. */
const LINKS = /(\s(?:href|src|action|formaction|data-stream)=")\/(?!\/)/g;

/** @param basePath as in the settings: empty, or `/` and words; slashes at the end do not matter */
export function createBasePath(basePath: string): BasePath {
  const prefix = basePath.replace(/\/+$/, "");
  if (prefix === "") return { prefix, inbound: (url) => url, outbound: (response) => response };
  const below = (path: string): string =>
    path.startsWith("/") && !path.startsWith("//") ? prefix + path : path;
  return {
    prefix,
    inbound(url) {
      // Doubled slashes in front of the prefix are those of a hook's URL that ended in one.
      const start = url.startsWith("//") ? url.search(/[^/]/) - 1 : 0;
      if (start < 0 || !url.startsWith(prefix, start)) return url;
      const rest = url.slice(start + prefix.length);
      if (rest === "" || rest.startsWith("?")) return `/${rest}`;
      return rest.startsWith("/") ? rest : url;
    },
    outbound(response) {
      const location = response.headers.get("location");
      const cookies = response.headers.getSetCookie();
      const isPage = response.headers.get("content-type")?.startsWith("text/html") === true;
      if (location === null && cookies.length === 0 && !isPage) return response;
      const headers = new Headers(response.headers);
      if (location !== null) headers.set("location", below(location));
      headers.delete("set-cookie");
      for (const cookie of cookies) headers.append("set-cookie", scoped(cookie, prefix));
      const { status, statusText } = response;
      if (!isPage || response.body === null)
        return new Response(response.body, { status, statusText, headers });
      headers.delete("content-length");
      return response
        .text()
        .then((page) => new Response(page.replace(LINKS, `$1${prefix}/`), { status, statusText, headers }));
    },
  };
}

/** Browsers take a `__Host-` cookie only with the path `/`. */
function scoped(cookie: string, prefix: string): string {
  return cookie.startsWith("__Host-") ? cookie : cookie.replace(/; path=\/(?=;|$)/i, `; Path=${prefix}`);
}
