import { expect, test } from "vitest";
import { Closing } from "../../../relay/process/closing.ts";

test("close() closes the last one first, waits for each, and does nothing the second time", async () => {
  const closing = new Closing();
  const order: string[] = [];
  closing.add(() => void order.push("storage"));
  closing.add(async () => {
    await Promise.resolve();
    order.push("queue");
  });
  closing.add(() => void order.push("server"));
  await closing.close();
  await closing.close();
  expect(order).toEqual(["server", "queue", "storage"]);
});

test("close() closes the others if one fails, and rejects with the first failure", async () => {
  const closing = new Closing();
  const order: string[] = [];
  closing.add(() => void order.push("storage"));
  closing.add(() => {
    throw new Error("second");
  });
  closing.add(() => Promise.reject(new Error("first")));
  await expect(closing.close()).rejects.toThrow("first");
  expect(order).toEqual(["storage"]);
});
