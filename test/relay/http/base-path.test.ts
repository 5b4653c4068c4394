import { describe, expect, test } from "vitest";
import { createBasePath } from "../../../relay/http/base-path.ts";

describe("inbound()", () => {
  const { inbound } = createBasePath("/tools/relay/");
  test.each([
    ["/tools/relay", "/"],
    ["/tools/relay/", "/"],
    ["/tools/relay?q=1", "/?q=1"],
    ["/tools/relay/events?q=/tools/relay", "/events?q=/tools/relay"],
    ["//tools/relay//webhooks/gitlab", "//webhooks/gitlab"],
    ["/tools/relayed", "/tools/relayed"],
    ["/webhooks/gitlab", "/webhooks/gitlab"],
    ["/healthz", "/healthz"],
    ["/", "/"],
    ["//", "//"],
  ])("%s is %s", (url, expected) => {
    expect(inbound(url)).toBe(expected);
  });
});

describe("outbound()", () => {
  const base = createBasePath("/relay");

  test("puts the prefix before redirects and into cookies", async () => {
    const headers = new Headers({ location: "/events?q=1" });
    headers.append("set-cookie", "session=1; Path=/; HttpOnly");
    headers.append("set-cookie", "__Host-session=1; Path=/; Secure");
    const answer = await base.outbound(new Response(null, { status: 303, headers }));
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe("/relay/events?q=1");
    expect(answer.headers.getSetCookie()).toEqual([
      "session=1; Path=/relay; HttpOnly",
      "__Host-session=1; Path=/; Secure",
    ]);
  });

  test("puts the prefix before every link of a page, and before nothing else", async () => {
    const page = `<a href="/events">x</a><img src="/a.svg"><form method="post"\n action="/login"><body data-stream="/api/v1/stream">
<a href="https://gitlab.example.com/x">y</a><a href="//other/x">z</a><a href="#main">m</a><pre>href=&quot;/events&quot; {"href":"/x"}</pre>`;
    const answer = await base.outbound(
      new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } }),
    );
    expect(await answer.text())
      .toBe(`<a href="/relay/events">x</a><img src="/relay/a.svg"><form method="post"\n action="/relay/login"><body data-stream="/relay/api/v1/stream">
<a href="https://gitlab.example.com/x">y</a><a href="//other/x">z</a><a href="#main">m</a><pre>href=&quot;/events&quot; {"href":"/x"}</pre>`);
  });

  test("leaves JSON and streams as they are", () => {
    const answer = Response.json({ href: "/events" });
    expect(base.outbound(answer)).toBe(answer);
  });

  test("leaves absolute redirects alone", async () => {
    const headers = { location: "https://gitlab.example.com/" };
    const answer = await base.outbound(new Response(null, { status: 303, headers }));
    expect(answer.headers.get("location")).toBe("https://gitlab.example.com/");
  });
});

test("without a base path nothing is touched", () => {
  const { prefix, inbound, outbound } = createBasePath("");
  const answer = new Response("x", { headers: { location: "/events" } });
  expect([prefix, inbound("/events"), outbound(answer)]).toEqual(["", "/events", answer]);
});
