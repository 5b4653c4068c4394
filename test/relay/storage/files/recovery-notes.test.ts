import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import {
  FilesRecoveryNotes,
  filesRecoveryInstances,
} from "../../../../relay/storage/files/recovery-notes.ts";
import { unguarded } from "../../../../relay/storage/files/small-files.ts";
import { recoveryNotesContract } from "../../../helpers/recovery-notes-contract.ts";

describe("files", () => {
  recoveryNotesContract(async () => {
    const folder = await mkdtemp(join(tmpdir(), "recovery-notes-"));
    return {
      notes: new FilesRecoveryNotes(folder, unguarded, "default"),
      reopen: async (instance = "default") => new FilesRecoveryNotes(folder, unguarded, instance),
      instances: () => filesRecoveryInstances(folder),
      close: () => rm(folder, { recursive: true }),
    };
  }, false);
});
