/** A list that is followed as it grows at its top. */
export interface Tail<Item> {
  readonly shown: readonly Item[]
  /** Keys of those that came last. */
  readonly fresh: ReadonlySet<string>
  /** New ones that are not shown, because the list is held. */
  readonly waiting: number
}

/**
 * The next state of a list for a new answer. While it is held, no row moves: those that are there are brought up to date,
 * and new ones are counted.
 */
export function nextTail<Item>(
  was: Tail<Item>,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  held: boolean,
): Tail<Item> {
  const before = new Set(was.shown.map(keyOf))
  const isNew = (item: Item): boolean => !before.has(keyOf(item))
  if (!held) return { shown: items, fresh: new Set(items.filter(isNew).map(keyOf)), waiting: 0 }
  const latest = new Map(items.map((item) => [keyOf(item), item]))
  return {
    shown: was.shown.map((item) => latest.get(keyOf(item)) ?? item),
    fresh: was.fresh,
    waiting: items.filter(isNew).length,
  }
}

export const firstTail = <Item>(items: readonly Item[]): Tail<Item> => ({ shown: items, fresh: new Set(), waiting: 0 })
