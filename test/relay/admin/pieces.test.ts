import { describe, expect, test } from "vitest";
import { barChart, lineChart, niceSeconds, niceTop } from "../../../relay/admin/pages/charts.ts";
import { curlCommand } from "../../../relay/admin/pages/curl.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { duration, size } from "../../../relay/admin/pages/html.ts";
import { MASK } from "../../../lib/log.ts";
import { createMasking, maskingOf } from "../../../relay/admin/pages/masking.ts";
import { maskFields, prettyTokens } from "../../../relay/admin/pages/pretty.ts";
import { TOKEN_HOLDER } from "../../../relay/admin/auth/roles.ts";
import { createSessions, sameText } from "../../../relay/admin/auth/session.ts";
import { timeline } from "../../../relay/admin/pages/timeline.ts";
import { parseActivityQuery } from "../../../relay/admin/api/activity-query.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { newDelivery, settled } from "../../../relay/queue/delivery-state.ts";
import { settlement } from "../../helpers/admin.ts";
import { eventMeta } from "../../helpers/events.ts";

const pretty = (json: string, secrets: readonly string[] = []): string =>
  [...prettyTokens(json, (name) => secrets.includes(name))].map((token) => token.text).join("");

describe("prettyTokens()", () => {
  test.each([
    { a: 1, b: [true, null, -1.5e3, 'x"\\\n'], c: {}, d: [], e: { f: [{}] } },
    [],
    "text",
    { "": { "a:b": "{,}" } },
  ])("lays %j out as JSON.stringify does", (value) => {
    expect(pretty(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });

  test("keeps digits, and comes through anything that is no JSON", () => {
    expect(pretty('{"id":12345678901234567890.10}')).toContain("12345678901234567890.10");
    for (const text of ["", "hello", '{"a":', "}}]]", '"open', "{]", "\u0000ü€😀"])
      expect(pretty(text).replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
  });

  test("masks values of secret fields and nothing behind them", () => {
    const masked = pretty('{"token":"s1","n":{"pin":1234,"x":"s2"},"token2":"s3","token":""}', [
      "token",
      "pin",
    ]);
    expect(JSON.parse(masked.replace("***,", '"***",'))).toMatchObject({
      n: { x: "s2" },
      token2: "s3",
      token: "",
    });
    expect(masked).not.toContain("s1");
    expect(masked).not.toContain("1234");
  });

  test("takes time in proportion to the length, whatever the text", () => {
    for (const text of [
      '"'.repeat(200_000),
      "[".repeat(200_000),
      '\\"'.repeat(100_000),
      "-".repeat(200_000),
    ]) {
      const started = performance.now();
      let count = 0;
      for (const token of prettyTokens(text, () => false)) count += token.text.length;
      expect(count).toBeGreaterThan(0);
      expect(performance.now() - started).toBeLessThan(2000);
    }
  });
});

test.each(['"', '\\"', '"\\"', '"a":"', '"a" ', "{", '"":', '"a":-', "1e", "\\"])(
  "maskFields() and prettyTokens() take at most eight times as long for four times as much of %j",
  (unit) => {
    const msOf = (kb: number): number => {
      const text = `{"a":"${unit.repeat((kb * 1024) / unit.length)}`;
      let least = Infinity;
      for (let run = 0; run < 3; run += 1) {
        const began = performance.now();
        maskFields(text, () => true);
        for (const token of prettyTokens(text, () => true)) void token;
        least = Math.min(least, performance.now() - began);
      }
      return least;
    };
    msOf(16);
    expect(msOf(128)).toBeLessThan(Math.max(8 * msOf(32), 400));
  },
);

test("createMasking(): values of custom headers are shown by nobody, GitLab's own are", () => {
  const masking = createMasking({ patterns: [], fields: [] });
  expect(masking.received("x-tenant", "acme")).toBe(MASK);
  expect(masking.received("x-gitlab-event", "Push Hook")).toBe("Push Hook");
});

test("createMasking() looks at no more of a text than is shown", () => {
  const masking = createMasking({ patterns: ["b+c"], fields: [] });
  const began = performance.now();
  expect(masking.text("b".repeat(20_000_000))).toMatch(/^b{131072}… \(20000000 characters\)$/);
  expect(performance.now() - began).toBeLessThan(1000);
});

describe("maskFields()", () => {
  test("masks in the text as it was received", () => {
    const text = '{ "token" : "a\\"b" , "id":7,\n "pin":12 }';
    expect(maskFields(text, (name) => name !== "id")).toBe('{ "token" : "***" , "id":7,\n "pin":"***" }');
  });
});

describe("createMasking()", () => {
  const masking = createMasking(configSchema.parse({}).mask);

  test.each([
    "glpat-ABCDEFGHIJKLMNOPQRSTU",
    "glptt-0123456789012345678901234567890123456789",
    `whsec_${"A".repeat(43)}=`,
    `ghp_${"a".repeat(36)}`,
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nhalf a key",
  ])("masks %s by default", (secret) => {
    expect(masking.text(`before ${secret} after`)).not.toContain(secret.slice(0, 30));
    expect(masking.text(`before ${secret}`)).toContain("before ***");
  });

  test("leaves ordinary words, ids and commits alone", () => {
    const text = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7 gl-things token fix the password field";
    expect(masking.text(text)).toBe(text);
  });

  test.each([
    ["authorization", "***"],
    ["cookie", "***"],
    ["x-my-token", "***"],
    ["webhook-signature", "***"],
    ["idempotency-key", "v"],
    ["x-gitlab-event", "v"],
  ])("shows the header %s as %s", (name, wanted) => expect(masking.header(name, "v")).toBe(wanted));

  test("is made anew when the settings change", () => {
    let settings = { patterns: ["a+"], fields: [] as string[] };
    const current = maskingOf(() => settings);
    expect(current()).toBe(current());
    expect(current().text("aab")).toBe("***b");
    settings = { patterns: ["b"], fields: ["PIN"] };
    expect([current().text("aab"), current().isSecret("Pin")]).toEqual(["aa***", true]);
  });
});

describe("createSessions()", () => {
  function made() {
    const state = { token: "one", rules: "", now: 1000 };
    const sessions = createSessions({
      token: () => state.token,
      salt: "salt",
      rules: () => state.rules,
      now: () => state.now,
    });
    return { state, sessions };
  }

  const opened = { person: TOKEN_HOLDER, subject: "token", epoch: 3 };

  test("believes only what it signed, with the same token, until it ends", () => {
    const { state, sessions } = made();
    const cookie = sessions.open(opened, 60_000);
    const session = sessions.read(cookie);
    expect(session).toMatchObject({ ...opened, expiresAt: 61_000 });
    for (let at = 0; at < cookie.length; at += 1) {
      const forged = `${cookie.slice(0, at)}${cookie[at] === "A" ? "B" : "A"}${cookie.slice(at + 1)}`;
      const read = sessions.read(forged);
      // The last character of base64url without padding has bits that mean nothing.
      if (at < cookie.length - 1) expect(read).toBeNull();
    }
    for (const odd of ["", "a.b.c", `${cookie}.x`, cookie.toUpperCase()])
      expect(sessions.read(odd)).toBeNull();
    for (const change of [{ token: "two" }, { now: 61_000 }]) {
      const before = { ...state };
      Object.assign(state, change);
      expect(sessions.read(cookie)).toBeNull();
      Object.assign(state, before);
    }
    expect(sessions.read(cookie)).toEqual(session);
  });

  test("gives each session a CSRF token of its own", () => {
    const { sessions } = made();
    const csrf = () => sessions.read(sessions.open(opened, 1))?.csrf;
    expect(csrf()).not.toBe(csrf());
  });

  test("ends the sessions of people when their roles are decided by other rules; the token's go on", () => {
    const { state, sessions } = made();
    const token = sessions.open(opened, 60_000);
    const alice = { name: "alice", role: "viewer", via: "oidc" } as const;
    const person = sessions.open({ ...opened, person: alice }, 60_000);
    expect(sessions.read(person)).toMatchObject({ person: alice });
    state.rules = "other";
    expect(sessions.read(person)).toBeNull();
    expect(sessions.read(token)).not.toBeNull();
  });
});

describe("sameText()", () => {
  test.each([
    ["", "", true],
    ["a", "a", true],
    ["a", "b", false],
    ["a", "ab", false],
    ["ü", "u", false],
  ])("compares %j with %j", (a, b, same) => expect(sameText(a, b)).toBe(same));
});

describe("timeline()", () => {
  test("numbers attempts even where the first are no longer remembered, and ends with what comes next", () => {
    const meta = eventMeta();
    let delivery = newDelivery(meta.id, "a", 0, 0);
    for (let count = 0; count < 33; count += 1)
      delivery = settled(delivery, settlement("retry", count * 1000));
    const steps = timeline({ meta, state: "waiting", deliveries: [delivery] }, () => "its turn");
    const attempts = steps.filter((step) => step.name === "attempt").map((step) => step.attempt);
    expect([attempts.length, attempts[0], attempts.at(-1)]).toEqual([30, 4, 33]);
    expect(steps.at(-1)).toMatchObject({
      name: "next",
      attempt: 34,
      at: 92_000,
      text: "waits after 33 attempts: its turn",
    });
  });

  test("tells what waits, what is being sent, and what nobody wanted", () => {
    const meta = eventMeta({ verifiedBy: [] });
    const waiting = newDelivery(meta.id, "a", 0, 5);
    const words = (event: Parameters<typeof timeline>[0]): string[] =>
      timeline(event, () => "its turn").map((step) => step.text);
    expect(words({ meta, state: "waiting", deliveries: [waiting] }).at(-1)).toBe("waits: its turn");
    expect(words({ meta, state: "sending", deliveries: [{ ...waiting, state: "sending" }] }).at(-1)).toBe(
      "an attempt is under way",
    );
    expect(words({ meta, state: "unmatched", deliveries: [] }).at(-1)).toBe("no target matched");
    expect(words({ meta, state: "unrouted", deliveries: [] }).at(-1)).toBe("not matched yet");
    expect(words({ meta, state: "waiting", deliveries: [{ ...waiting, replay: 1 }] })[3]).toBe(
      "replays only",
    );
    expect(words({ meta, state: "unmatched", deliveries: [] })[1]).toBe("no credential configured");
  });
});

describe("charts", () => {
  test("draw bars and lines in proportion, with words for those who do not see them", async () => {
    const options = { label: "a & b", positions: ["mon", "tue <x>"], format: String };
    const bars = String(
      await barChart({ ...options, series: [{ className: "c1", name: "n", values: [1, 2] }] }),
    );
    expect(bars).toContain('aria-label="a &amp; b"');
    expect(bars).toContain("tue &#60;x&#62;: n 2");
    expect([...bars.matchAll(/class="c1"[^>]*height="([\d.]+)"/g)].map((match) => Number(match[1]))).toEqual([
      60, 120,
    ]);
    const lines = String(
      await lineChart({
        ...options,
        positions: ["a", "b", "c"],
        series: [{ className: "c2", name: "n", values: [1, null, 2] }],
      }),
    );
    expect(/d="([^"]+)"\/><g/.exec(lines)?.[1]).toBe("M100 60h3M500 0h3");
    const nothing = String(await barChart({ ...options, positions: [], series: [] }));
    expect(nothing).toContain("<svg");
  });

  test.each([
    [0, 1],
    [0.3, 0.5],
    [1, 1],
    [3, 5],
    [7, 10],
    [51, 100],
    [2000, 2000],
  ])("niceTop(%d) is %d", (value, wanted) => expect(niceTop(value)).toBeCloseTo(wanted, 9));
});

describe("niceSeconds()", () => {
  test.each([
    [0, 1],
    [61, 120],
    [200_000, 345_600],
    [40_000_000, 50_000_000],
  ])("is the next round time above %d: %d", (value, wanted) => expect(niceSeconds(value)).toBe(wanted));
});

describe("texts", () => {
  test.each([
    [0.4, "0.4 ms"],
    [9.96, "10 ms"],
    [850, "850 ms"],
    [3210, "3.2 s"],
    [60_000, "1 min"],
    [250_000, "4 min 10 s"],
    [7_500_000, "2 h 5 min"],
    [86_400_000 * 3 + 3_600_000 * 4, "3 d 4 h"],
  ])("duration(%d) is %s", (ms, wanted) => expect(duration(ms)).toBe(wanted));

  test.each([
    [512, "512 B"],
    [1536, "1.5 KB"],
    [10_485_760, "10 MB"],
    [1024 ** 4 * 2, "2.0 TB"],
  ])("size(%d) is %s", (bytes, wanted) => expect(size(bytes)).toBe(wanted));

  test("grouped() and counted() read well", () => {
    expect([
      grouped(1_234_567),
      counted(1, "delivery"),
      counted(2, "delivery"),
      counted(1000, "event"),
    ]).toEqual(["1,234,567", "1 delivery", "2 deliveries", "1,000 events"]);
  });
});

describe("curlCommand()", () => {
  test("leaves out what is secret or made by curl, and quotes for the shell", () => {
    const command = curlCommand(
      eventMeta({ hookKey: "p42" }),
      [
        ["x-gitlab-event", "it's"],
        ["authorization", "***"],
        ["content-length", "9"],
        ["webhook-signature", "v1,x"],
      ],
      "***",
    );
    expect(command).toBe(
      [
        'curl -X POST "$RELAY_URL/webhooks/gitlab/p42"',
        "  -H 'x-gitlab-event: it'\\''s'",
        '  -H "X-Gitlab-Token: $GITLAB_WEBHOOK_SECRET"',
        "  --data-binary @01kf0000000000000000000001.json",
      ].join(" \\\n"),
    );
  });
});

test("curlCommand() works as it stands with the address, the file of the secret and a short body", () => {
  const options = {
    url: "http://127.0.0.1:8080/webhooks/gitlab",
    secretFile: "data/it's",
    body: '{"a":"it\'s"}',
  };
  expect(curlCommand(eventMeta({}), [], "***", options)).toBe(
    [
      "curl -X POST 'http://127.0.0.1:8080/webhooks/gitlab'",
      `  -H "X-Gitlab-Token: $(cat 'data/it'\\''s')"`,
      `  --data-binary '{"a":"it'\\''s"}'`,
    ].join(" \\\n"),
  );
});

describe("parseActivityQuery()", () => {
  const now = Date.UTC(2026, 0, 31, 12);
  const parse = (query: string) => {
    const parameters = new URLSearchParams(query);
    return parseActivityQuery((name) => parameters.get(name) ?? undefined, now);
  };

  test("ends today and has 30 days where nothing is said", () => {
    expect(parse("")).toEqual({
      from: "2026-01-02",
      to: "2026-01-31",
      group: "day",
      project: null,
      instance: null,
      author: null,
    });
    expect(parse("to=2026-01-10&group=week&project=acme/shop&instance=partner&author=bob")).toEqual({
      from: "2025-12-12",
      to: "2026-01-10",
      group: "week",
      project: "acme/shop",
      instance: "partner",
      author: "bob",
    });
  });

  test.each([
    ["from=2026-02-30", "from must be a day"],
    ["from=x", "from must be a day"],
    ["from=2026-02-01&to=2026-01-01", "from must not be after to"],
    ["from=2000-01-01", "limit is 731"],
    ["group=month", "group must be day or week"],
    [`author=${"x".repeat(301)}`, "author is longer than 300"],
  ])("refuses %s", (query, why) => expect(() => parse(query)).toThrow(why));
});
