import { expect, test } from "vitest";
import { createLineWriter } from "../../../relay/process/output.ts";

function writer() {
  const writes: string[] = [];
  const tasks: (() => void)[] = [];
  const write = createLineWriter(
    (text) => void writes.push(text),
    (task) => void tasks.push(task),
  );
  return { writes, write, turn: () => tasks.splice(0).forEach((task) => task()) };
}

test("lines of one turn go in one write, in order", () => {
  const { writes, write, turn } = writer();
  write("a\n");
  write("b\n");
  expect(writes).toEqual([]);
  turn();
  write("c\n");
  turn();
  turn();
  expect(writes).toEqual(["a\nb\n", "c\n"]);
});

test("flush() writes what is held, once", () => {
  const { writes, write, turn } = writer();
  write("last\n");
  write.flush();
  write.flush();
  turn();
  expect(writes).toEqual(["last\n"]);
});
