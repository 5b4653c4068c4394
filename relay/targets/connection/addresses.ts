/**
 * Which addresses a target may live at. Names are resolved once per connection, every address is checked, and the connection
 * goes to one of the checked addresses: a name that changes its mind between check and use gains nothing.
 *
 * Addresses of cloud metadata services are refused always, private networks only where `allowPrivateNetworks` is false.
 */
import type { LookupAddress, LookupAllOptions } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Resolves a name to all of its addresses; `dns.lookup` of node:dns/promises with `all`. */
export type Resolve = (hostname: string, options: LookupAllOptions) => Promise<LookupAddress[]>;

/** The target's address may not be used. Worth a retry like any failure of the network: an operator may correct DNS. */
export class BlockedAddressError extends Error {
  override readonly name = "BlockedAddressError";
  readonly code = "blocked-address";
}

/* oxfmt-ignore */
const METADATA: readonly [string, number, "ipv4" | "ipv6"][] = [
  ["169.254.169.254", 32, "ipv4"], // AWS, GCP, Azure, DigitalOcean, OpenStack
  ["169.254.170.2", 32, "ipv4"], ["169.254.170.23", 32, "ipv4"], // AWS containers
  ["169.254.169.253", 32, "ipv4"], ["169.254.169.123", 32, "ipv4"],
  ["169.254.0.23", 32, "ipv4"], // Tencent Cloud
  ["100.100.100.200", 32, "ipv4"], // Alibaba Cloud
  ["192.0.0.192", 32, "ipv4"], // Oracle Cloud
  ["168.63.129.16", 32, "ipv4"], // Azure's host
  ["fd00:ec2::254", 128, "ipv6"], ["fd00:ec2::23", 128, "ipv6"], // AWS
  ["fd20:ce::254", 128, "ipv6"], // GCP
];

/* oxfmt-ignore */
const PRIVATE: readonly [string, number, "ipv4" | "ipv6"][] = [
  ["0.0.0.0", 8, "ipv4"], ["10.0.0.0", 8, "ipv4"], ["100.64.0.0", 10, "ipv4"], ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"], ["172.16.0.0", 12, "ipv4"], ["192.0.0.0", 24, "ipv4"], ["192.0.2.0", 24, "ipv4"],
  ["192.88.99.0", 24, "ipv4"], ["192.168.0.0", 16, "ipv4"], ["198.18.0.0", 15, "ipv4"], ["198.51.100.0", 24, "ipv4"],
  ["203.0.113.0", 24, "ipv4"], ["224.0.0.0", 4, "ipv4"], ["240.0.0.0", 4, "ipv4"],
  ["::", 128, "ipv6"], ["::1", 128, "ipv6"], ["100::", 64, "ipv6"], ["2001:db8::", 32, "ipv6"],
  ["fc00::", 7, "ipv6"], ["fe80::", 10, "ipv6"], ["fec0::", 10, "ipv6"], ["ff00::", 8, "ipv6"],
];

function listOf(ranges: readonly [string, number, "ipv4" | "ipv6"][]): BlockList {
  const list = new BlockList();
  for (const [address, prefix, family] of ranges) list.addSubnet(address, prefix, family);
  return list;
}

const metadata = listOf(METADATA);
const privateNetworks = listOf(PRIVATE);

/** Prefixes of IPv6 addresses that carry an IPv4 address in their last (or, for 6to4, second and third) groups. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff];
const NAT64 = [0x64, 0xff9b, 0, 0, 0, 0];

/** The eight groups of an IPv6 address; the address is known to be one. */
function groupsOf(address: string): number[] {
  const plain = address.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${pair(a as string, b as string)}:${pair(c as string, d as string)}`;
  });
  const [head = "", tail] = plain.split("::");
  const parse = (part: string): number[] => (part === "" ? [] : part.split(":").map((g) => parseInt(g, 16)));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** The IPv4 address inside an IPv6 one: mapped, compatible, NAT64 or 6to4; null where there is none. */
function embeddedIpv4(address: string): string | null {
  const g = groupsOf(address);
  const text = (high = 0, low = 0): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const startsWith = (prefix: readonly number[]): boolean => prefix.every((value, i) => g[i] === value);
  if (startsWith(MAPPED) || startsWith(NAT64)) return text(g[6], g[7]);
  if (startsWith([0, 0, 0, 0, 0, 0]) && (g[6] !== 0 || (g[7] ?? 0) > 1)) return text(g[6], g[7]);
  return g[0] === 0x2002 ? text(g[1], g[2]) : null;
}

/** Why an IP address may not be used; null where it may. */
export function addressProblem(address: string, allowPrivate: boolean): string | null {
  const version = isIP(address);
  if (version === 0) return "is not an IP address";
  if (version === 6) {
    const inner = embeddedIpv4(address);
    if (inner !== null) return addressProblem(inner, allowPrivate);
  }
  const plain = address.replace(/%.*$/, "");
  const family = version === 4 ? "ipv4" : "ipv6";
  if (metadata.check(plain, family)) return "belongs to a cloud metadata service";
  if (!allowPrivate && privateNetworks.check(plain, family)) {
    return "is on a private network, and allowPrivateNetworks is false";
  }
  return null;
}

/** Host of a URL as an address, without the brackets of IPv6; null where it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) === 0 ? null : bare;
}

/** The addresses of a name, all of which may be used; rejects with a BlockedAddressError where one may not. */
async function checkedAddresses(
  resolve: Resolve,
  hostname: string,
  family: number,
  allowPrivate: boolean,
): Promise<[LookupAddress, ...LookupAddress[]]> {
  const [first, ...rest] = await resolve(hostname, { all: true, family });
  if (first === undefined) throw new BlockedAddressError(`"${hostname}" has no address`);
  for (const { address } of [first, ...rest]) {
    const problem = addressProblem(address, allowPrivate);
    if (problem !== null)
      throw new BlockedAddressError(`"${hostname}" resolves to ${address}, which ${problem}`);
  }
  return [first, ...rest];
}

/** A `lookup` for net.connect that resolves once and fails where any of the addresses may not be used. */
export function createGuardedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return function lookup(hostname, options, reply) {
    const family = options.family === 4 || options.family === 6 ? options.family : 0;
    checkedAddresses(resolve, hostname, family, allowPrivate).then(
      (addresses) => {
        if (options.all === true) reply(null, addresses);
        else reply(null, addresses[0].address, addresses[0].family);
      },
      (error: unknown) => reply(error as NodeJS.ErrnoException, []),
    );
  };
}
