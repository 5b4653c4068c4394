/** The marker of a hook without anything special to it. */
import type { Marker } from "../../component/hooks/desired.ts";

export const BARE_MARKER: Marker = {
  fingerprint: "0123456789abcdef",
  headerNames: "",
  moving: false,
  sample: null,
  listed: null,
  was: null,
};
