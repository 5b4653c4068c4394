/** Type of the file of undici that lib/gitlab/transport.ts imports. */
declare module "undici/lib/dispatcher/agent.js" {
  export { Agent as default } from "undici";
}
