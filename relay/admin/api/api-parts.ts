/** What the routes of the API and of the pages are made of beside the relay's own parts. */
import type { Access } from "../auth/access.ts";
import type { Feed } from "../live/feed.ts";
import type { Masking } from "../pages/masking.ts";
import type { Actions } from "./actions.ts";
import type { ReadFilter } from "./filters.ts";

export interface ApiParts {
  readonly access: Access;
  readonly feed: Feed;
  readonly actions: Actions;
  readonly masking: () => Masking;
  readonly readFilter: ReadFilter;
}
