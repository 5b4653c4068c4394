/**
 * GitLab's system hooks: those of the whole instance, for administrators alone. They go through `rest`: gitbeaker 43 has no edit for
 * them, and its show is a POST, which fires the hook.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { collect, type Rest } from "../../lib/gitlab/rest.ts";
import { hookOf, removeSurely, unlessAbsent, unlessGone, type HookApi } from "./hook-api.ts";
import type { Hook, HookBody } from "./types.ts";

export function createSystemHooks(rest: Rest): HookApi {
  const show = async (id: number): Promise<Hook> => hookOf((await rest.get(`/hooks/${id}`)).body);

  async function edit(id: number, body: HookBody): Promise<Hook> {
    try {
      return hookOf((await rest.put(`/hooks/${id}`, body)).body);
    } catch (error) {
      const isUnknown =
        error instanceof UpstreamError && (error.code === "not-found" || error.status === 405);
      if (!isUnknown || (await unlessAbsent(show(id))) === null) throw error;
      const message = `PUT /hooks/${id}: this GitLab cannot change system hooks: remove hook ${id} (uninstall --level instance) and install again`;
      throw new UpstreamError("no-edit", message, { status: 404, retryable: false });
    }
  }

  return {
    list: () => collect(rest.list("/hooks"), hookOf),
    show: (_, id) => show(id),
    create: async (_, body) => hookOf((await rest.post("/hooks", body)).body),
    edit: (_, id, body) => edit(id, body),
    remove: (_, id) => removeSurely({ remove: () => rest.delete(`/hooks/${id}`), show: () => show(id) }),
    removeHeader: (_, id, name) =>
      unlessGone(rest.delete(`/hooks/${id}/custom_headers/${encodeURIComponent(name)}`)),
    // GitLab never switches a system hook off, so nothing has to be woken.
    test: async (_, id) => {
      await rest.post(`/hooks/${id}`);
    },
  };
}
