// Whether the window is as narrow as a phone: then tables become cards.
import { useSyncExternalStore } from "react";

const query = window.matchMedia("(max-width: 48rem)");

function subscribe(listener: () => void): () => void {
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => query.matches);
}
