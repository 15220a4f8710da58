// What pages ask for. Lists and single resources stay true by the event stream; see live.ts.
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { list, type Plural, show } from "../api/client";
import type { Kinds } from "../api/generated";
import { toProblem } from "../api/problem";
import { type Collection, collectionOf, withChanges } from "./collection";
import { keptChanges, learned, queryClient, streamSettled } from "./live";
import { useMay } from "./session";

/** All resources of a kind that the user may see; undefined while they are not there, or may not be read. */
export function useCollection<K extends Plural>(kind: K): UseQueryResult<Collection<Kinds[K]>> {
  const allowed = useMay(`${kind}.read`);
  return useQuery({
    queryKey: ["list", kind],
    enabled: allowed,
    queryFn: async ({ signal }) => {
      await streamSettled();
      const answer = await list(kind, { signal });
      return withChanges<Kinds[K]>(collectionOf<Kinds[K]>(answer.items, answer.revision), keptChanges(kind));
    },
  });
}

/** One resource with its details; null when there is none of this name (any more). */
export function useItem<K extends Plural>(kind: K, name: string): UseQueryResult<Kinds[K] | null> {
  return useQuery({
    queryKey: ["item", kind, name],
    queryFn: async ({ signal }) => {
      await streamSettled();
      try {
        return await show(kind, name, { signal });
      } catch (error) {
        if (toProblem(error).status === 404) return null;
        throw error;
      }
    },
  });
}

export function reloadItem(kind: Plural, name: string): void {
  void queryClient.invalidateQueries({ queryKey: ["item", kind, name] });
}

/** A resource that is open got another name: its page goes on under that, with what it shows. */
export function followRename<K extends Plural>(kind: K, before: string, object: Kinds[K]): void {
  queryClient.setQueryData(["item", kind, object.metadata.name], object);
  setTimeout(() => queryClient.removeQueries({ queryKey: ["item", kind, before] }), 0);
}

/** The newest state of a resource, for every page that shows it. */
export async function refreshed<K extends Plural>(kind: K, name: string): Promise<Kinds[K]> {
  const object = await show(kind, name);
  learned(kind, object);
  return object;
}
