// Who is signed in. A session that ends leaves the pages as they are, with what was typed: signing in again goes on from there.
import { useSyncExternalStore } from "react";
import { get, request, setCsrf, whenUnauthenticated } from "../api/client";
import type { Login, Session } from "../api/generated";
import { toProblem } from "../api/problem";
import { validate } from "../api/validate";

export interface SignedIn {
  state: "in";
  session: Session;
}
/** ended: somebody was signed in here, and the page still shows what they did. */
export type Access = { state: "unknown" } | { state: "out" } | { state: "ended"; session: Session } | SignedIn;

let access: Access = { state: "unknown" };
const listeners = new Set<() => void>();

function set(next: Access): void {
  access = next;
  setCsrf(next.state === "in" ? next.session.csrf : undefined);
  for (const listener of listeners) listener();
}

whenUnauthenticated(() => {
  if (access.state === "in") set({ state: "ended", session: access.session });
});

export function subscribeAccess(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function currentAccess(): Access {
  return access;
}

export function useAccess(): Access {
  return useSyncExternalStore(subscribeAccess, currentAccess);
}

/** The session of who is signed in, or was. */
export function useSession(): Session | undefined {
  const now = useAccess();
  return now.state === "in" || now.state === "ended" ? now.session : undefined;
}

/** Asks who is signed in; throws only when nothing answers. */
export async function loadSession(): Promise<void> {
  try {
    set({ state: "in", session: await get<Session>("session", "/session") });
  } catch (error) {
    if (toProblem(error).status !== 401) throw error;
    set(access.state === "in" || access.state === "ended" ? { state: "ended", session: access.session } : { state: "out" });
  }
}

export async function signIn(user: string, password: string): Promise<void> {
  const answer = await request("POST", "/session", { body: { user, password } });
  setCsrf(validate<Login>("login", await answer.json()).csrf);
  await loadSession();
}

export async function signOut(): Promise<void> {
  await request("DELETE", "/session").catch(() => undefined);
  set({ state: "out" });
}

/** Whether the user may do this to anything at all; the daemon decides about the single resource. */
export function may(session: Session | undefined, permission: string): boolean {
  return session?.permissions[permission] !== undefined;
}

export function useMay(permission: string): boolean {
  return may(useSession(), permission);
}

/** The session goes on with a new cookie; all others of this user end. */
export async function changePassword(old: string, password: string): Promise<void> {
  const answer = await request("POST", "/session/password", { body: { old, password } });
  setCsrf(validate<Login>("login", await answer.json()).csrf);
  await loadSession();
}
