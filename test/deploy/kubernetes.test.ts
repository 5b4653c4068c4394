import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

const documents = parseAllDocuments(
  readFileSync(new URL("../../deploy/kubernetes.yaml", import.meta.url), "utf8"),
);

test("deploy/kubernetes.yaml runs the relay as nobody, with a read-only root and no capabilities", () => {
  expect(documents.flatMap((document) => document.errors)).toEqual([]);
  const [workload, service] = documents;
  const at = (path: string): unknown =>
    workload?.getIn(path.split("/").map((key) => (/^\d+$/.test(key) ? Number(key) : key)));
  const pod = "spec/template/spec";
  expect(String(at(`${pod}/securityContext/runAsNonRoot`))).toBe("true");
  expect(at(`${pod}/securityContext/runAsUser`)).toBe(1000);
  expect(at(`${pod}/securityContext/fsGroup`)).toBe(1000);
  const container = `${pod}/containers/0/securityContext`;
  expect(at(`${container}/allowPrivilegeEscalation`)).toBe(false);
  expect(at(`${container}/readOnlyRootFilesystem`)).toBe(true);
  expect(at(`${container}/capabilities/drop/0`)).toBe("ALL");
  expect(at(`${pod}/containers/0/volumeMounts/0/mountPath`)).toBe("/data");
  expect(service?.getIn(["spec", "selector", "app"])).toBe(at("spec/selector/matchLabels/app"));
});
