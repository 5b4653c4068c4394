import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { FilesRecoveryNotes } from "../../../../relay/storage/files/recovery-notes.ts";
import { recoveryNotesContract } from "../../../helpers/recovery-notes-contract.ts";

describe("files", () => {
  recoveryNotesContract(async () => {
    const folder = await mkdtemp(join(tmpdir(), "recovery-notes-"));
    return {
      notes: new FilesRecoveryNotes(folder),
      reopen: async () => new FilesRecoveryNotes(folder),
      close: () => rm(folder, { recursive: true }),
    };
  }, false);
});
