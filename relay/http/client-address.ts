/**
 * Who sent a request, and may they: the allow-list, and the proxies whose X-Forwarded-For is believed. Decides for the ladder
 * (403) and for the throttle of failed authentication (whom to count).
 *
 * X-Forwarded-For is read from the right: the socket's address is certain; only if it is a trusted proxy is the last entry
 * believed, and only if that is one too, the entry before it. What lies further left was written by whoever wanted to.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

export interface AddressRules {
  /** The sender's address in its plain form; null where it cannot be known (a proxy wrote something that is no address). */
  clientOf(socketAddress: string | undefined, forwardedFor: string | undefined): string | null;
  /** Whether the socket's other end is a proxy that is believed. */
  isTrustedProxy(socketAddress: string | undefined): boolean;
  /** True where no list is set; an unknown address is on no list. */
  allowed(address: string | null): boolean;
}

/** @param trustedProxies,allowedIps addresses and CIDR ranges, checked by the schema */
export function createAddressRules(settings: {
  readonly trustedProxies: readonly string[];
  readonly allowedIps: readonly string[];
}): AddressRules {
  const trusted = listOf(settings.trustedProxies);
  const permitted = listOf(settings.allowedIps);
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
 * IPv6. Null where it is none.
 */
export function plainAddress(text: string): string | null {
  let address = text.trim();
  if (address.startsWith("[")) address = address.slice(1, Math.max(1, address.indexOf("]")));
  else if (/^[\d.]+:\d+$/.test(address)) address = address.slice(0, address.indexOf(":"));
  const zone = address.indexOf("%");
  if (zone >= 0) address = address.slice(0, zone);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (isIPv4(address)) return address;
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : null;
}

/** What is counted as one sender: an IPv4 address, or the /64 network of an IPv6 address, which one machine may fill at will. */
export function senderOf(address: string | null): string {
  if (address === null) return "unknown";
  if (isIPv4(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    while (groups.length + after.length < 8) groups.push("0");
    groups.push(...after);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}

function listOf(entries: readonly string[]): BlockList | null {
  if (entries.length === 0) return null;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}
