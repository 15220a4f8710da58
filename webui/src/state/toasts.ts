// Short messages at the edge of the page: what was done, what failed.
import { useSyncExternalStore } from "react";

export interface Toast {
  id: number;
  variant: "success" | "danger" | "warning" | "info";
  title: string;
  detail?: string | undefined;
  hint?: string | undefined;
  link?: { to: string; label: string } | undefined;
}

let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(now: readonly Toast[]): void {
  toasts = now;
  for (const listener of listeners) listener();
}

/** Successes go by themselves; what failed stays until it is read. */
export function addToast(toast: Omit<Toast, "id">): void {
  const id = next++;
  set([...toasts.slice(-5), { ...toast, id }]);
  if (toast.variant === "success" || toast.variant === "info") setTimeout(() => closeToast(id), 6000);
}

export function closeToast(id: number): void {
  set(toasts.filter((t) => t.id !== id));
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore((listener) => { listeners.add(listener); return () => listeners.delete(listener); }, () => toasts);
}
