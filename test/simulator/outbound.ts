/** Where GitLab may connect: only HTTP, and on a guarded instance not to the local network unless the host is listed. */
import { BlockList, isIP } from "node:net";
import type { World } from "./world.ts";

const local = new BlockList();
local.addSubnet("127.0.0.0", 8);
local.addSubnet("10.0.0.0", 8);
local.addSubnet("172.16.0.0", 12);
local.addSubnet("192.168.0.0", 16);
local.addSubnet("169.254.0.0", 16);
local.addAddress("0.0.0.0");
local.addAddress("::1", "ipv6");
local.addSubnet("fe80::", 10, "ipv6");
local.addSubnet("fc00::", 7, "ipv6");

/** Whether a hook may have this URL. */
export function urlAllowed(world: World, text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  const { blockLocal, allowlist } = world.settings.outbound;
  if (!blockLocal || allowlist.includes(url.host) || allowlist.includes(url.hostname)) return true;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(host);
  if (family === 0) return host !== "localhost" && !host.endsWith(".localhost");
  return !local.check(host, family === 6 ? "ipv6" : "ipv4");
}
