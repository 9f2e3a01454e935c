import { joinedById, notThere, type Joined, type SkeletonSpan } from './skeleton.ts'

export interface Tree {
  /** By start. */
  readonly spans: readonly SkeletonSpan[]
  /** Index of each span's parent, -1 for roots. A span whose parent is missing, and one of each cycle, is a root. */
  readonly parent: Int32Array
  /** Indexes of each span's children, by start. */
  readonly children: readonly (readonly number[])[]
  /** By start. */
  readonly roots: readonly number[]
  /** Ids named as parent that are not there, each with the spans that name it. */
  readonly missing: ReadonlyMap<string, readonly number[]>
  /** Spans whose chain of parents leads back to themselves, as sent. */
  readonly cyclic: readonly number[]
}

const none: readonly number[] = []

/** Of spans, each id once and by start. */
export const buildTree = (spans: readonly SkeletonSpan[]): Tree => treeOf(joinedById(spans))

/**
 * Any input ends as a forest: the earliest span of each cycle loses its parent. Linear in time.
 */
export function treeOf({ spans, parents }: Joined): Tree {
  const parent = parents.slice()
  const missing = new Map<string, number[]>()
  for (const [index, up] of parents.entries()) {
    if (up !== notThere) continue
    parent[index] = -1
    const named = spans[index]?.parentSpanId ?? ''
    const naming = missing.get(named)
    if (naming === undefined) missing.set(named, [index])
    else naming.push(index)
  }
  const cyclic = cutCycles(parent)
  const children: number[][] = Array.from({ length: spans.length })
  const roots: number[] = []
  for (let index = 0; index < spans.length; index++) {
    const up = parent[index] ?? -1
    if (up < 0) roots.push(index)
    else (children[up] ??= []).push(index)
  }
  return { spans, parent, children: Array.from(children, (of) => of ?? none), roots, missing, cyclic }
}

/** Cuts each cycle at its lowest index, and returns the indexes that were on one. */
function cutCycles(parent: Int32Array): number[] {
  const cyclic: number[] = []
  // 0: not seen; otherwise the number of the walk that saw it first.
  const seenBy = new Int32Array(parent.length)
  for (let start = 0; start < parent.length; start++) {
    const walk = start + 1
    let at = start
    while (at >= 0 && seenBy[at] === 0) {
      seenBy[at] = walk
      at = parent[at] ?? -1
    }
    if (at < 0 || seenBy[at] !== walk) continue
    let lowest = at
    const first = at
    do {
      cyclic.push(at)
      if (at < lowest) lowest = at
      at = parent[at] ?? -1
    } while (at !== first && at >= 0)
    parent[lowest] = -1
  }
  return cyclic.sort((a, b) => a - b)
}
