import { expect, test } from "vitest";
import { createLineWriter, createSafeWriter } from "../../../relay/process/output.ts";

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

/** A stream whose writes end as `answers` say, one after another; a text is an error, `throws` one that is thrown. */
function stream(answers: readonly ("ok" | "reports" | "throws")[]) {
  const left = [...answers];
  const written: string[] = [];
  return {
    written,
    fd: 1,
    on: () => {},
    write(text: string, done: (error?: Error | null) => void) {
      const answer = left.shift();
      if (answer === "throws") throw new Error("disk full");
      if (answer === "ok") written.push(text);
      done(answer === "ok" ? null : new Error("disk full"));
      return true;
    },
  };
}

test("createSafeWriter() tells trouble once, and again only after a line went through", () => {
  const out = stream(["reports", "reports", "ok", "reports"]);
  const told: string[] = [];
  const write = createSafeWriter(
    out,
    () => 0,
    (error) => told.push(error),
  );
  for (const line of ["a\n", "b\n", "c\n", "d\n"]) write(line);
  expect(out.written).toEqual(["c\n"]);
  expect(told).toEqual(["disk full", "disk full"]);
});

test("createSafeWriter() writes past a stream that throws, which would hold all later lines", () => {
  const out = stream(["ok", "throws"]);
  const told: string[] = [];
  const direct: unknown[] = [];
  let isFull = true;
  const write = createSafeWriter(
    out,
    (fd, text) => {
      if (isFull) throw new Error("disk full");
      direct.push([fd, text]);
    },
    (error) => told.push(error),
  );
  for (const line of ["a\n", "b\n", "c\n"]) write(line);
  isFull = false;
  write("d\n");
  expect(out.written).toEqual(["a\n"]);
  expect(direct).toEqual([[1, "d\n"]]);
  expect(told).toEqual(["disk full"]);
});
