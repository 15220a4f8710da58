// Which row of the document shows which item, while a long list scrolls by: a row whose item left is given the next one that comes.
// Taking rows out and putting new ones in costs the browser several times as much as changing what stands in them.

export interface Place {
  /** Of a row in the document; the same number is the same row. */
  slot: number;
  /** Of an item, in the list that was given. */
  at: number;
}

export class Recycler {
  private readonly slots = new Map<string, number>();
  private free: number[] = [];
  private made = 0;
  private order: number[] = [];

  /**
   * Where these items go, in the document's order: that of the items when the list is at rest, as readers and the Tab key need it. While
   * it moves rows stay where they are, since they are drawn by their position.
   */
  place(keys: readonly string[], atRest: boolean): Place[] {
    const wanted = new Map(keys.map((key, at) => [key, at]));
    for (const [key, slot] of this.slots)
      if (!wanted.has(key)) {
        this.slots.delete(key);
        this.free.push(slot);
      }
    const shown = new Map<number, number>();
    for (const [key, at] of wanted) {
      let slot = this.slots.get(key);
      if (slot === undefined) {
        slot = this.free.pop() ?? this.made++;
        this.slots.set(key, slot);
      }
      shown.set(slot, at);
    }
    const kept = atRest ? [] : this.order.filter((slot) => shown.has(slot));
    const known = new Set(kept);
    this.order = [...kept, ...[...shown.keys()].filter((slot) => !known.has(slot))];
    return this.order.map((slot) => ({ slot, at: shown.get(slot) ?? 0 }));
  }
}
