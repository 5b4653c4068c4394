/** `type: nats`: publishes to a stream of NATS JetStream. */
import { certificateFiles } from "../connection/settings.ts";
import type { TargetType } from "../target-type.ts";
import { createMessages } from "./message.ts";
import { createNatsTarget } from "./nats.ts";
import { natsTargetSchema } from "./settings.ts";
import { shownServers } from "./streams.ts";

export const natsType: TargetType<"nats", typeof natsTargetSchema> = {
  name: "nats",
  schema: natsTargetSchema,
  example: `events:
  type: nats
  servers: [nats://nats.internal:4222]
  subject: "gitlab.{{ event.project.path }}.{{ event.kind }}"
  user: relay
  password: "\${NATS_PASSWORD}"
`,
  address: ({ servers }) => shownServers(servers),
  preview(settings, event) {
    const { subject, id, headers } = createMessages(settings)({ ...event, replay: 0 });
    return { to: subject, headers: { ...headers, "nats-msg-id": id }, body: event.body };
  },
  files: (settings) => ({
    ...certificateFiles(settings),
    ...(settings.credsFile === undefined ? {} : { credsFile: settings.credsFile }),
  }),
  create: createNatsTarget,
};
