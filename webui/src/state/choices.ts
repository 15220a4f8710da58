// What this browser remembers of how somebody likes to see things. Nothing that matters, nothing secret.
export function readChoice<T>(key: string, otherwise: T): T {
  try {
    const stored = localStorage.getItem(`lodge.${key}`);
    return stored === null ? otherwise : (JSON.parse(stored) as T);
  } catch {
    return otherwise;
  }
}

export function writeChoice(key: string, value: unknown): void {
  try {
    localStorage.setItem(`lodge.${key}`, JSON.stringify(value));
  } catch {
    // a full or forbidden storage is no reason to fail
  }
}
