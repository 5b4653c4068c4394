/**
 * Who sent a request, and may they: the allow-list, and the proxies whose X-Forwarded-For is believed. Decides for the ladder
 * (403) and for the throttle of failed authentication (whom to count).
 *
 * X-Forwarded-For is read from the right: the socket's address is certain; only if it is a trusted proxy is the last entry
 * believed, and only if that is one too, the entry before it. The client itself may have written what lies further left.
 *
 * A range holds addresses of its own family only: `::/0` admits no IPv4 address. IPv4 that is mapped into IPv6 is IPv4 everywhere.
 */
import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

export interface AddressRules {
  /** The sender's address in its plain form; null if it cannot be known (a proxy wrote something that is no address). */
  clientOf(socketAddress: string | undefined, forwardedFor: string | undefined): string | null;
  /** Whether the socket's other end is a proxy that is believed. */
  isTrustedProxy(socketAddress: string | undefined): boolean;
  /** True if no list is set; an unknown address is on no list. */
  allowed(address: string | null): boolean;
}

/** @param trustedProxies,allowedIps addresses and CIDR ranges, checked by the schema */
export function createAddressRules(settings: {
  readonly trustedProxies: readonly string[];
  readonly allowedIps: readonly string[];
}): AddressRules {
  const trusted = rangesOf(settings.trustedProxies);
  const permitted = rangesOf(settings.allowedIps);
  return {
    clientOf(socketAddress, forwardedFor) {
      let client = socketAddress === undefined ? null : plainAddress(socketAddress);
      if (trusted === null || client === null || forwardedFor === undefined) return client;
      const hops = forwardedFor.split(",");
      while (hops.length > 0 && client !== null && contains(trusted, client)) {
        client = plainAddress(hops.pop() as string);
      }
      return client;
    },
    isTrustedProxy(socketAddress) {
      const address = socketAddress === undefined ? null : plainAddress(socketAddress);
      return trusted !== null && address !== null && contains(trusted, address);
    },
    allowed: (address) => permitted === null || (address !== null && contains(permitted, address)),
  };
}

/**
 * The usual form of an address as a socket or a proxy writes it: without port, brackets and zone, IPv4 where it is mapped into
 * IPv6. Null if it is none.
 */
export function plainAddress(text: string): string | null {
  let address = text.trim();
  if (address.startsWith("[")) address = address.slice(1, Math.max(1, address.indexOf("]")));
  else if (/^[\d.]+:\d+$/.test(address)) address = address.slice(0, address.indexOf(":"));
  const zone = address.indexOf("%");
  if (zone >= 0) address = address.slice(0, zone);
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return null;
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String();
}

/** What is counted as one sender: an IPv4 address, or the /64 network of an IPv6 address, which one machine may fill at will. */
export function senderOf(address: string | null): string {
  if (address === null) return "unknown";
  if (isIPv4(address)) return address;
  const network = ipaddr.IPv6.parse(address).parts.slice(0, 4);
  return `${network.map((part) => part.toString(16)).join(":")}::/64`;
}

/** A network and the length of its prefix in bits. */
type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

const MAPPED_BITS = 96;

/** Null: no list. */
function rangesOf(entries: readonly string[]): readonly Range[] | null {
  return entries.length === 0 ? null : entries.map(rangeOf);
}

function rangeOf(entry: string): Range {
  const [network, bits] = entry.includes("/")
    ? ipaddr.parseCIDR(entry)
    : [ipaddr.parse(entry), isIPv4(entry) ? 32 : 128];
  const isMapped = network instanceof ipaddr.IPv6 && bits >= MAPPED_BITS && network.isIPv4MappedAddress();
  return isMapped ? [network.toIPv4Address(), bits - MAPPED_BITS] : [network, bits];
}

function contains(ranges: readonly Range[], address: string): boolean {
  const parsed = ipaddr.parse(address);
  return ranges.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
}
