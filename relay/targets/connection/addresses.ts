/**
 * Which addresses a target may live at. Names are resolved once per connection, every address is checked, and the connection
 * goes to one of the checked addresses: a name that changes its mind between check and use gains nothing.
 *
 * Addresses of cloud metadata services are refused always, private networks only where `allowPrivateNetworks` is false.
 */
import type { LookupAddress, LookupAllOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** Resolves a name to all of its addresses; `dns.lookup` of node:dns/promises with `all`. */
export type Resolve = (hostname: string, options: LookupAllOptions) => Promise<LookupAddress[]>;

/** The target's address may not be used. Worth a retry like any failure of the network: an operator may correct DNS. */
export class BlockedAddressError extends Error {
  override readonly name = "BlockedAddressError";
  readonly code = "blocked-address";
}

/* oxfmt-ignore */
const METADATA: readonly string[] = [
  "169.254.169.254/32", // AWS, GCP, Azure, DigitalOcean, OpenStack
  "169.254.170.2/32", "169.254.170.23/32", // AWS containers
  "169.254.169.253/32", "169.254.169.123/32",
  "169.254.0.23/32", // Tencent Cloud
  "100.100.100.200/32", // Alibaba Cloud
  "192.0.0.192/32", // Oracle Cloud
  "168.63.129.16/32", // Azure's host
  "fd00:ec2::254/128", "fd00:ec2::23/128", // AWS
  "fd20:ce::254/128", // GCP
];

type Address = ReturnType<typeof ipaddr.parse>;

const metadata = METADATA.map((network) => ipaddr.parseCIDR(network));

/** Networks of the whole internet, by the names that ipaddr.js has for the registries of special addresses. */
const PUBLIC: ReadonlySet<string> = new Set(["unicast", "as112", "as112v6", "amt"]);

/** Where the IPv4 address lies in an address of a translated network, by the length of its prefix (RFC 6052), in octets. */
const TRANSLATED: readonly (readonly [number, number, number, number])[] = [
  [12, 13, 14, 15],
  [9, 10, 11, 12],
  [7, 9, 10, 11],
  [6, 7, 9, 10],
];

/** The IPv4 address inside says whether the network is private: it is where the packets go, on networks with IPv6 alone as well. */
const BY_INNER: ReadonlySet<string> = new Set(["ipv4Mapped", "rfc6052"]);

export interface AllowedAddresses {
  readonly allowPrivate: boolean;
}

/** Why an IP address may not be used; null: it may. */
export function addressProblem(address: string, { allowPrivate }: AllowedAddresses): string | null {
  if (isIP(address) === 0) return "is not an IP address";
  const parsed = ipaddr.parse(withoutZone(address));
  const inner = innerAddresses(parsed);
  if ([parsed, ...inner].some(isMetadata)) return "belongs to a cloud metadata service";
  return !allowPrivate && isPrivate(parsed, inner)
    ? "is on a private network, and allowPrivateNetworks is false"
    : null;
}

function withoutZone(address: string): string {
  return address.split("%", 1)[0] ?? address;
}

function isMetadata(address: Address): boolean {
  return metadata.some(
    ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
  );
}

function isPrivate(address: Address, inner: readonly Address[]): boolean {
  const range = rangeOf(address);
  if (!BY_INNER.has(range) || isLocalTranslation(address)) return !PUBLIC.has(range);
  return inner.some((part) => !PUBLIC.has(rangeOf(part)));
}

/** What ipaddr.js says, and `unassigned` for IPv6 outside of 2000::/3, which is all that was ever given out for the internet. */
function rangeOf(address: Address): string {
  const range = address.range();
  const isOutside = address.kind() === "ipv6" && ((address.toByteArray()[0] ?? 0) & 0xe0) !== 0x20;
  return range === "unicast" && isOutside ? "unassigned" : range;
}

/** The lowest IPv6 addresses once stood for the IPv4 address in their end. */
function isCompatible(octets: readonly number[]): boolean {
  return octets.slice(0, 12).every((octet) => octet === 0);
}

/** 64:ff9b:1::/48 is for translation within one network (RFC 8215). */
function isLocalTranslation(address: Address): boolean {
  return rangeOf(address) === "rfc6052" && address.toByteArray().slice(0, 6).join() === "0,100,255,155,0,1";
}

/** The IPv4 addresses that an IPv6 address may stand for. */
function innerAddresses(address: Address): Address[] {
  if (address.kind() === "ipv4") return [];
  const octets = address.toByteArray();
  const at = (places: readonly number[]): Address => ipaddr.fromByteArray(places.map((i) => octets[i] ?? 0));
  switch (rangeOf(address)) {
    case "ipv4Mapped":
    case "rfc6145":
      return [at([12, 13, 14, 15])];
    case "rfc6052":
      return (isLocalTranslation(address) ? TRANSLATED : TRANSLATED.slice(0, 1)).map(at);
    case "6to4":
      return [at([2, 3, 4, 5])];
    case "teredo":
      // Server, and client with all bits turned over.
      return [at([4, 5, 6, 7]), ipaddr.fromByteArray(octets.slice(12).map((octet) => octet ^ 255))];
    default:
      return isCompatible(octets) ? [at([12, 13, 14, 15])] : [];
  }
}

/** Host of a URL as an address, without the brackets of IPv6; null if it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) === 0 ? null : bare;
}

/** The addresses of a name, all of which may be used; rejects with a BlockedAddressError if one may not. */
async function checkedAddresses(
  resolve: Resolve,
  hostname: string,
  family: number,
  rules: AllowedAddresses,
): Promise<[LookupAddress, ...LookupAddress[]]> {
  const [first, ...rest] = await resolve(hostname, { all: true, family });
  if (first === undefined) throw new BlockedAddressError(`"${hostname}" has no address`);
  for (const { address } of [first, ...rest]) {
    const problem = addressProblem(address, rules);
    if (problem !== null)
      throw new BlockedAddressError(`"${hostname}" resolves to ${address}, which ${problem}`);
  }
  return [first, ...rest];
}

/** A `lookup` for net.connect that resolves once and fails where any of the addresses may not be used. */
export function createGuardedLookup(resolve: Resolve, rules: AllowedAddresses): LookupFunction {
  return function lookup(hostname, options, reply) {
    const family = options.family === 4 || options.family === 6 ? options.family : 0;
    checkedAddresses(resolve, hostname, family, rules).then(
      (addresses) => {
        if (options.all === true) reply(null, addresses);
        else reply(null, addresses[0].address, addresses[0].family);
      },
      (error: unknown) => reply(error as NodeJS.ErrnoException, []),
    );
  };
}
