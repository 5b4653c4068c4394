/** The manifests: valid by Kubernetes' own schemas, as restricted as a pod can be, and the Helm chart makes the same of its values. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { Service } from "kubernetes-models/v1";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema } from "../../relay/config/schema.ts";

const root = new URL("../../deploy/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const KUBECTL = "/usr/bin/kubectl";

interface Manifest {
  readonly kind: keyof typeof MODELS;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly containers: readonly { readonly securityContext: Readonly<Record<string, unknown>> }[];
      };
    };
  };
}

const MODELS = { ServiceMonitor, Deployment, StatefulSet, NetworkPolicy, PodDisruptionBudget, Service };
const FOLDERS = ["common", "base", "redis"];

/** The manifests of a Kustomize folder by their kind, those that it includes as well. */
function manifests(folder: string): Map<string, Manifest> {
  const { resources } = parse(read(`kubernetes/${folder}/kustomization.yaml`)) as { resources: string[] };
  return new Map(
    resources.flatMap((path): [string, Manifest][] => {
      if (path.startsWith("../")) return Array.from(manifests(path.slice(3)));
      const manifest = parse(read(`kubernetes/${folder}/${path}`)) as Manifest;
      return [[manifest.kind, manifest] satisfies [string, Manifest]];
    }),
  );
}

/** The chart's templates with its values: it uses no more of Helm's language than a value and one condition around a file. */
function rendered(changes: Readonly<Record<string, unknown>>): Map<string, Manifest> {
  const values = { ...(parse(read("helm/gitlab-hook-relay/values.yaml")) as object), ...changes };
  const value = (path: string): unknown => values[path.replace(".Values.", "") as keyof typeof values];
  const files = readdirSync(new URL("helm/gitlab-hook-relay/templates/", root));
  return new Map(
    files.flatMap((name): [string, Manifest][] => {
      const text = read(`helm/gitlab-hook-relay/templates/${name}`);
      const [, equal, path = "", wanted] =
        /^\{\{- if (eq )?(\.Values\.\w+)(?: "(\w+)")? \}\}\n/.exec(text) ?? [];
      const isShown = path === "" || (equal === undefined ? value(path) === true : value(path) === wanted);
      if (!isShown) return [];
      const filled = text
        .replace(/^\{\{- (?:if .*|end) \}\}\n/gm, "")
        .replace(/\{\{ (\.Values\.\w+) \}\}/g, (_all, at: string) => String(value(at)));
      expect(filled).not.toContain("{{");
      const manifest = parse(filled) as Manifest;
      return [[manifest.kind, manifest] satisfies [string, Manifest]];
    }),
  );
}

/**
 * Validates a manifest and returns the paths of the fields that its schema does not know. The validators let those pass, as the API
 * server does with a warning: what they know is what they read.
 */
function unknownFields(manifest: Manifest): string[] {
  const fields = new Set<string>();
  const known = new Set<string>();
  const watched = <T extends object>(value: T, path: string): T => {
    for (const key of Object.keys(value)) fields.add(`${path}/${key}`);
    return new Proxy(value, {
      get(target, key, receiver) {
        const found = Reflect.get(target, key, receiver) as unknown;
        if (typeof key === "symbol" || !Object.hasOwn(target, key)) return found;
        known.add(`${path}/${key}`);
        return typeof found === "object" && found !== null ? watched(found, `${path}/${key}`) : found;
      },
    });
  };
  MODELS[manifest.kind].prototype.validate.call(watched(manifest, "") as never);
  return [...fields].filter((field) => !known.has(field));
}

test("deploy/kubernetes: every manifest is valid, and one that is not is found", () => {
  const all = FOLDERS.flatMap((folder) => Array.from(manifests(folder).values()));
  expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(Object.keys(MODELS)));
  for (const manifest of all) expect(unknownFields(manifest), manifest.kind).toEqual([]);
  const changed = (change: object): Manifest => {
    const wrong = structuredClone(manifests("base").get("StatefulSet")) as Manifest;
    Object.assign(wrong.spec, change);
    return wrong;
  };
  expect(() => unknownFields(changed({ replicas: "one" }))).toThrow("replicas");
  expect(unknownFields(changed({ replica: 1 }))).toEqual(["/spec/replica"]);
});

test("deploy/kubernetes: pods fit the restricted Pod Security Standard", () => {
  for (const [folder, kind] of [
    ["base", "StatefulSet"],
    ["redis", "Deployment"],
  ] as const) {
    const pod = manifests(folder).get(kind)?.spec.template.spec;
    expect(pod?.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(pod?.containers.map(({ securityContext }) => securityContext)).toEqual([
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    ]);
  }
});

test("deploy/kubernetes: the settings are the relay's", () => {
  expect(configSchema.safeParse(parse(read("kubernetes/common/relay.yaml"))).error).toBeUndefined();
});

test("deploy/helm: makes of its values what the Kustomize folders hold", () => {
  const files = rendered({ serviceMonitor: false });
  expect(files).toEqual(manifests("base"));
  expect(rendered({ storage: "redis" })).toEqual(manifests("redis"));
  const chart = parse(read("helm/gitlab-hook-relay/Chart.yaml")) as Readonly<Record<string, string>>;
  const { version } = JSON.parse(read("../package.json")) as { version: string };
  expect([chart["version"], chart["appVersion"]]).toEqual([version, version]);
});

test.runIf(existsSync(KUBECTL)).each(["base", "redis"])("deploy/kubernetes: kubectl builds %s", (folder) => {
  const built = execFileSync(KUBECTL, ["kustomize", new URL(`kubernetes/${folder}`, root).pathname], {
    encoding: "utf8",
  });
  const kinds = [...built.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
  expect(kinds.toSorted()).toEqual(["ConfigMap", ...manifests(folder).keys()].toSorted());
});
