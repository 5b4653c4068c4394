import { expect, test } from "vitest";
import { createAddressRules, plainAddress, senderOf } from "../../../relay/http/client-address.ts";

const rules = (trustedProxies: string[], allowedIps: string[] = []) =>
  createAddressRules({ trustedProxies, allowedIps });

test.each([
  ["203.0.113.9", "203.0.113.9"],
  [" 203.0.113.9 ", "203.0.113.9"],
  ["203.0.113.9:4711", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["::FFFF:203.0.113.9", "203.0.113.9"],
  ["::ffff:cb00:7109", "203.0.113.9"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["[2001:db8::1]:443", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["::1", "::1"],
  ["unknown", null],
  ["_hidden", null],
  ["", null],
  ["[", null],
  ["1.2.3", null],
  ["1.2.3.4.5", null],
  ["gitlab.acme.dev", null],
])("plainAddress(%j) is %j", (text, wanted) => {
  expect(plainAddress(text)).toBe(wanted);
});

test("without trusted proxies X-Forwarded-For is never believed", () => {
  expect(rules([]).clientOf("203.0.113.9", "10.0.0.1")).toBe("203.0.113.9");
  expect(rules([]).clientOf(undefined, "10.0.0.1")).toBeNull();
});

test.each([
  ["an untrusted socket", "198.51.100.1", "1.1.1.1", "198.51.100.1"],
  ["one proxy", "10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["a spoofed first entry", "10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"],
  ["two proxies", "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.7.7.7", "203.0.113.9"],
  [
    "an untrusted proxy between trusted ones",
    "10.0.0.1",
    "203.0.113.9, 198.51.100.1, 10.7.7.7",
    "198.51.100.1",
  ],
  ["proxies all the way", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["no header", "10.0.0.1", undefined, "10.0.0.1"],
  ["a mapped socket address", "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["an IPv6 proxy", "2001:db8::5", "2001:db8:ffff::9", "2001:db8:ffff::9"],
  ["an entry with a port", "10.0.0.1", "203.0.113.9:5555", "203.0.113.9"],
  ["an entry that is no address", "10.0.0.1", "203.0.113.9, unknown", null],
  ["an empty entry", "10.0.0.1", "203.0.113.9,", null],
])("clientOf() behind %s", (_claim, socket, forwarded, wanted) => {
  expect(rules(["10.0.0.0/8", "2001:db8::/48"]).clientOf(socket, forwarded)).toBe(wanted);
});

test.each([
  ["203.0.113.9", true],
  ["203.0.113.10", false],
  ["34.74.90.64", true],
  ["34.74.90.79", true],
  ["34.74.90.80", false],
  ["2001:db8::1", true],
  ["2001:db9::1", false],
  [null, false],
])("allowed(%j) with a list is %j", (address, wanted) => {
  expect(rules([], ["203.0.113.9", "34.74.90.64/28", "2001:db8::/32"]).allowed(address)).toBe(wanted);
});

test.each([
  ["::/0", "203.0.113.9", false],
  ["::/0", "2001:db8::1", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["0.0.0.0/0", "203.0.113.9", true],
  ["::/1", "10.0.0.1", false],
  ["::ffff:0:0/96", "203.0.113.9", true],
  ["::ffff:10.0.0.0/104", "10.9.9.9", true],
  ["::ffff:10.0.0.0/104", "11.0.0.1", false],
  ["::ffff:203.0.113.9", "203.0.113.9", true],
  ["10.0.0.5/8", "10.9.9.9", true],
])("allowed() with %s keeps the families apart: %s is %j", (range, address, wanted) => {
  expect(rules([], [range]).allowed(address)).toBe(wanted);
});

test("a trusted range of one family trusts no proxy of the other", () => {
  expect(rules(["::/0"]).clientOf("10.0.0.1", "203.0.113.9")).toBe("10.0.0.1");
  expect(rules(["::/0"]).isTrustedProxy("::ffff:10.0.0.1")).toBe(false);
});

test("allowed() without a list lets everybody pass", () => {
  expect(rules([]).allowed("203.0.113.9")).toBe(true);
  expect(rules([]).allowed(null)).toBe(true);
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::", "fe80:0:0:0::/64"],
  [null, "unknown"],
])("senderOf(%j) is %s", (address, wanted) => {
  expect(senderOf(address)).toBe(wanted);
});
