// Light, dark or as the system says; kept in this browser.
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "lodge.theme";
const DARK = "pf-v6-theme-dark";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

let theme: Theme = stored();

export function isDark(): boolean {
  return theme === "dark" || (theme === "system" && system.matches);
}

function apply(): void {
  document.documentElement.classList.toggle(DARK, isDark());
  for (const listener of listeners) listener();
}

export function setTheme(next: Theme): void {
  theme = next;
  if (next === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => theme);
}

export function useDark(): boolean {
  return useSyncExternalStore(subscribe, isDark);
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    theme = stored();
    apply();
  });
  apply();
}
