/** The manifest of what is published: the programs are whole, so nothing of the sources' dependencies is installed with them. */
import type manifest from "../../package.json";

export function publishedManifest(sources: typeof manifest): Readonly<Record<string, unknown>> {
  const { name, version, description, keywords, license, type, engines, dependencies } = sources;
  return {
    name,
    version,
    description,
    keywords,
    license,
    type,
    engines,
    bin: { "gitlab-hook-relay": "bin/gitlab-hook-relay.js" },
    exports: {
      "./handler": { types: "./types/relay/targets/module/handler.d.ts" },
      "./package.json": "./package.json",
    },
    // For handlers in TypeScript, on a Node that cannot read it.
    dependencies: { tsx: dependencies.tsx },
    // npm publishes no pre-release without its own tag: it would become what everybody installs.
    publishConfig: { access: "public", provenance: true, ...(version.includes("-") ? { tag: "next" } : {}) },
  };
}
