import { describe, expect, test } from "vitest";
import {
  addressProblem,
  createGuardedLookup,
  literalAddress,
} from "../../../../relay/targets/connection/addresses.ts";

describe("addressProblem()", () => {
  const metadata = "belongs to a cloud metadata service";
  const privateNetwork = "is on a private network, and allowPrivateNetworks is false";
  test.each([
    ["8.8.8.8", null, null],
    ["2606:4700::1111", null, null],
    ["10.1.2.3", null, privateNetwork],
    ["172.31.255.255", null, privateNetwork],
    ["172.32.0.1", null, null],
    ["192.168.0.1", null, privateNetwork],
    ["127.0.0.1", null, privateNetwork],
    ["100.64.0.1", null, privateNetwork],
    ["0.0.0.0", null, privateNetwork],
    ["169.254.1.1", null, privateNetwork],
    ["::1", null, privateNetwork],
    ["::", null, privateNetwork],
    ["fd12::1", null, privateNetwork],
    ["fe80::1%eth0", null, privateNetwork],
    ["::ffff:10.0.0.1", null, privateNetwork],
    ["::ffff:a00:1", null, privateNetwork],
    ["64:ff9b::10.0.0.1", null, privateNetwork],
    ["2002:a00:1::", null, privateNetwork],
    ["::10.0.0.1", null, privateNetwork],
    ["::ffff:8.8.8.8", null, null],
    ["169.254.169.254", metadata, metadata],
    ["::ffff:169.254.169.254", metadata, metadata],
    ["::ffff:a9fe:a9fe", metadata, metadata],
    ["64:ff9b::a9fe:a9fe", metadata, metadata],
    ["2002:a9fe:a9fe::1", metadata, metadata],
    ["::a9fe:a9fe", metadata, metadata],
    ["fd00:ec2::254", metadata, metadata],
    ["fd00:0ec2:0:0:0:0:0:0254", metadata, metadata],
    ["100.100.100.200", metadata, metadata],
    ["168.63.129.16", metadata, metadata],
    ["64:ff9b::8.8.8.8", null, null],
    ["64:ff9b:1::8.8.8.8", null, privateNetwork],
    ["64:ff9b:1::a9fe:a9fe", metadata, metadata],
    ["64:ff9b:1:a9fe:a9:fe00::", metadata, metadata],
    ["64:ff9b:1:aa:a9:fea9:fe00:0", metadata, metadata],
    ["64:ff9b:1:aaa9:fe:a9fe::", metadata, metadata],
    ["::ffff:0:10.0.0.1", null, privateNetwork],
    ["::ffff:0:8.8.8.8", null, privateNetwork],
    ["::ffff:0:169.254.169.254", metadata, metadata],
    ["2001:0:a9fe:a9fe::1", metadata, metadata],
    ["2001::5601:5601", metadata, metadata],
    ["2001:0:808:808::1", null, privateNetwork],
    ["2002:808:808::1", null, privateNetwork],
    ["2001:2::1", null, privateNetwork],
    ["2001:db8::1", null, privateNetwork],
    ["3fff:fff::1", null, privateNetwork],
    ["3fff:1000::1", null, null],
    ["5f00::1", null, privateNetwork],
    ["100::1", null, privateNetwork],
    ["100:0:0:1::1", null, privateNetwork],
    ["fec0::1", null, privateNetwork],
    ["ff02::1", null, privateNetwork],
    ["192.0.2.1", null, privateNetwork],
    ["198.18.0.1", null, privateNetwork],
    ["198.51.100.1", null, privateNetwork],
    ["203.0.113.1", null, privateNetwork],
    ["240.0.0.1", null, privateNetwork],
    ["255.255.255.255", null, privateNetwork],
    ["fd20:ce::254", metadata, metadata],
    ["010.0.0.1", "is not an IP address", "is not an IP address"],
    ["bot.internal", "is not an IP address", "is not an IP address"],
  ])("%s", (address, whereAllowed, whereNot) => {
    expect(addressProblem(address, { allowPrivate: true })).toBe(whereAllowed);
    expect(addressProblem(address, { allowPrivate: false })).toBe(whereNot);
  });
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["[::1]", "::1"],
  ["bot.internal", null],
])("literalAddress() of %s is %s", (host, expected) => {
  expect(literalAddress(host)).toBe(expected);
});

test("createGuardedLookup() answers with all addresses or the first, by what is asked", async () => {
  const both = [
    { address: "8.8.8.8", family: 4 },
    { address: "2606:4700::1111", family: 6 },
  ];
  const asked: unknown[] = [];
  const lookup = createGuardedLookup(
    (_name, options) => {
      asked.push(options);
      return Promise.resolve(both);
    },
    { allowPrivate: false },
  );
  const call = (options: { all?: boolean; family?: number }) =>
    new Promise<unknown[]>((resolve) => {
      lookup("dns.test", options, (...answer) => resolve(answer));
    });
  expect(await call({ all: true })).toEqual([null, both]);
  expect(await call({ family: 4 })).toEqual([null, "8.8.8.8", 4]);
  expect(asked).toEqual([
    { all: true, family: 0 },
    { all: true, family: 4 },
  ]);
});
