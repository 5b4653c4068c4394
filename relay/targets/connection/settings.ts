/** The settings of a target's connections: certificates, and which addresses the target may live at. */
import { z } from "zod";
import { filePath } from "../../../lib/fields.ts";

export const connectionFields = {
  tls: z
    .strictObject({
      caFile: filePath
        .optional()
        .describe(
          "File with certificates (PEM) to trust in place of the system's, such as /etc/relay/ca.pem",
        ),
      certFile: filePath
        .optional()
        .describe("File with the client's certificate (PEM), such as /etc/relay/client.pem"),
      keyFile: filePath.optional().describe("File with its key (PEM), such as /etc/relay/client.key"),
    })
    .refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), {
      error: "certFile and keyFile belong together",
    })
    .optional()
    .describe("Certificates of the connection; read anew whenever the settings change"),
  allowPrivateNetworks: z
    .boolean()
    .default(true)
    .describe("Whether the target may live on a private or loopback address; cloud metadata addresses never"),
};

/** The files of `tls`, by their settings' paths. */
export function certificateFiles({
  tls = {},
}: Pick<z.output<typeof connectionSettings>, "tls">): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tls).flatMap(([name, path]) => (path === undefined ? [] : [[`tls.${name}`, path]])),
  );
}

const connectionSettings = z.object(connectionFields);

/** What connections are made from. */
export interface ConnectionSettings extends z.output<typeof connectionSettings> {
  readonly url: string;
  readonly concurrency: number;
  readonly timeoutSeconds: number;
}
