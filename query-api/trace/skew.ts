import type { SkeletonSpan } from './skeleton.ts'
import type { Tree } from './tree.ts'

export interface PairSkew {
  readonly parentService: string
  readonly childService: string
  /** Add to the child service's times to bring them onto the parent's clock. */
  readonly offset: bigint
  /** Spans it was estimated from. */
  readonly spans: number
}

type OwnerOf = (service: string) => string
const asNamed: OwnerOf = (service) => service

const server = 2
const consumer = 5

/**
 * Estimates how far the clocks of services that call each other differ, from spans that lie where they cannot: a server
 * span must lie within the span that called it. Half of what the caller's span has to spare is taken for the way there,
 * half for the way back (as NTP does); a span longer than its caller's is put at the caller's start. For each pair of
 * services the median over its spans, and only where at least one lies where it cannot.
 *
 * @param ownerOf the service that a service's spans count for: a proxy beside it has its clock
 */
export function clockSkews(tree: Tree, ownerOf: OwnerOf = asNamed): PairSkew[] {
  const pairs = new Map<string, { parent: string; child: string; offsets: bigint[]; impossible: boolean }>()
  for (const [index, span] of tree.spans.entries()) {
    const parent = tree.spans[tree.parent[index] ?? -1]
    if (parent === undefined) continue
    const [caller, callee] = [ownerOf(parent.service), ownerOf(span.service)]
    if (caller === callee) continue
    if (parent.invalidTimes || span.invalidTimes) continue
    const found = offsetOf(parent, span)
    if (found === undefined) continue
    const key = pairKey(caller, callee)
    const pair = pairs.get(key) ?? { parent: caller, child: callee, offsets: [], impossible: false }
    pair.offsets.push(found.offset)
    pair.impossible ||= found.impossible
    pairs.set(key, pair)
  }
  return [...pairs.values()]
    .filter((pair) => pair.impossible)
    .map(({ parent, child, offsets }) => ({
      parentService: parent,
      childService: child,
      offset: median(offsets),
      spans: offsets.length,
    }))
}

function offsetOf(parent: SkeletonSpan, child: SkeletonSpan): { offset: bigint; impossible: boolean } | undefined {
  // What a queue hands on, or what was started without waiting, may end long after: only its start is bound.
  if (child.kind === consumer || child.duration > parent.duration) {
    return child.start < parent.start ? { offset: parent.start - child.start, impossible: true } : undefined
  }
  if (child.kind !== server) return undefined
  const spare = parent.duration - child.duration
  const impossible = child.start < parent.start || child.start + child.duration > parent.start + parent.duration
  return { offset: parent.start + spare / 2n - child.start, impossible }
}

function median(of: bigint[]): bigint {
  of.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return of[of.length >> 1] ?? 0n
}

/**
 * What must be added to the times of each span for all of them to be on the clocks of the roots: a span is where its
 * parent is, moved on by what their services' clocks differ. Nanoseconds, by the tree's indexes.
 */
export function clockShifts(tree: Tree, skews: readonly PairSkew[], ownerOf: OwnerOf = asNamed): bigint[] {
  const shifts: bigint[] = Array.from({ length: tree.spans.length }, () => 0n)
  if (skews.length === 0) return shifts
  const offsets = new Map(skews.map((skew) => [pairKey(skew.parentService, skew.childService), skew.offset]))
  const open = [...tree.roots]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const caller = ownerOf(tree.spans[at]?.service ?? '')
    for (const index of tree.children[at] ?? []) {
      const callee = ownerOf(tree.spans[index]?.service ?? '')
      const offset = caller === callee ? 0n : (offsets.get(pairKey(caller, callee)) ?? 0n)
      shifts[index] = (shifts[at] ?? 0n) + offset
      open.push(index)
    }
  }
  return shifts
}

export const pairKey = (parentService: string, childService: string): string =>
  JSON.stringify([parentService, childService])
