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

const server = 2
const consumer = 5

/**
 * Estimates how far the clocks of services that call each other differ, from spans that lie where they cannot: a server
 * span must lie within the span that called it. Half of what the caller's span has to spare is taken for the way there,
 * half for the way back (as NTP does); a span longer than its caller's is put at the caller's start. For each pair of
 * services the median over its spans, and only where at least one lies where it cannot. Nothing is ever moved by it.
 */
export function clockSkews(tree: Tree): PairSkew[] {
  const pairs = new Map<string, { parent: string; child: string; offsets: bigint[]; impossible: boolean }>()
  for (const [index, span] of tree.spans.entries()) {
    const parent = tree.spans[tree.parent[index] ?? -1]
    if (parent === undefined || parent.service === span.service) continue
    if (parent.invalidTimes || span.invalidTimes) continue
    const found = offsetOf(parent, span)
    if (found === undefined) continue
    const key = JSON.stringify([parent.service, span.service])
    const pair = pairs.get(key) ?? { parent: parent.service, child: span.service, offsets: [], impossible: false }
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
