import type { ClockSkew, CriticalPathSegment, MissingParent, TraceAnswer, TraceServiceFigures } from '../types.ts'
import { criticalPath, type Segment } from './critical-path.ts'
import { selfTimes } from './self-time.ts'
import { withoutCopies, type SkeletonSpan } from './skeleton.ts'
import { clockSkews } from './skew.ts'
import { buildTree, type Tree } from './tree.ts'

/** A trace is complete when nothing of it was received for so long, and no parent is missing. */
export const settledAfterNanos = 10_000_000_000n

/** What rebuilding says of one span, besides what was sent. */
export interface Rebuilt {
  readonly span: SkeletonSpan
  readonly selfTime: bigint
  readonly onCriticalPath: boolean
  readonly missingParent: boolean
  readonly skew: bigint | undefined
}

export interface RebuiltTrace {
  readonly spans: ReadonlyMap<string, Rebuilt>
  /** Everything of the answer that comes before the spans, but for resources and scopes. */
  readonly head: Omit<TraceAnswer, 'spans' | 'resources' | 'scopes'>
}

/**
 * Puts a trace together from its spans' skeletons, in any order, copies included. Any input has an answer: missing
 * parents, cycles, odd times. `now` is the time of the question, for `complete`.
 */
export function rebuild(traceId: string, rows: Iterable<SkeletonSpan>, now: bigint): RebuiltTrace {
  const tree = buildTree(withoutCopies(rows))
  const self = selfTimes(tree)
  const path = criticalPath(tree)
  const skews = clockSkews(tree)
  const { start, end } = extent(tree.spans)
  const lastReceived = tree.spans.reduce((last, span) => (span.receivedAt > last ? span.receivedAt : last), 0n)
  const idOf = (index: number): string => tree.spans[index]?.spanId ?? ''
  return {
    spans: eachSpan(tree, self, path, skews),
    head: {
      traceId,
      complete: tree.missing.size === 0 && now - lastReceived > settledAfterNanos,
      lastReceivedUnixNano: lastReceived.toString(),
      startTimeUnixNano: start.toString(),
      endTimeUnixNano: end.toString(),
      durationNanos: (end - start).toString(),
      spanCount: tree.spans.length,
      errorCount: tree.spans.filter((span) => span.error).length,
      duplicatesRemoved: tree.spans.reduce((sum, span) => sum + span.copies - 1, 0),
      roots: tree.roots.map(idOf),
      missingParents: [...tree.missing].map(([spanId, children]): MissingParent => ({
        spanId,
        children: children.map(idOf),
      })),
      cycles: tree.cyclic.map(idOf),
      criticalPath: path.map((segment): CriticalPathSegment => ({
        spanId: idOf(segment.span),
        startTimeUnixNano: segment.start.toString(),
        endTimeUnixNano: segment.end.toString(),
      })),
      clockSkews: skews.map(({ parentService, childService, offset, spans }): ClockSkew => ({
        parentService,
        childService,
        offsetNanos: offset.toString(),
        spans,
      })),
      services: byService(tree, self),
    },
  }
}

function eachSpan(
  tree: Tree,
  self: readonly bigint[],
  path: readonly Segment[],
  skews: ReturnType<typeof clockSkews>,
): Map<string, Rebuilt> {
  const onPath = new Set(path.map((segment) => segment.span))
  const skewOf = new Map(skews.map((skew) => [JSON.stringify([skew.parentService, skew.childService]), skew.offset]))
  return new Map(
    tree.spans.map((span, index) => {
      const parent = tree.spans[tree.parent[index] ?? -1]
      const skew =
        parent === undefined || skewOf.size === 0 ? undefined : JSON.stringify([parent.service, span.service])
      return [
        span.spanId,
        {
          span,
          selfTime: self[index] ?? 0n,
          onCriticalPath: onPath.has(index),
          missingParent: tree.missing.has(span.parentSpanId),
          skew: skew === undefined ? undefined : skewOf.get(skew),
        },
      ]
    }),
  )
}

function byService(tree: Tree, self: readonly bigint[]): TraceServiceFigures[] {
  const groups = new Map<string, { spans: SkeletonSpan[]; self: bigint }>()
  for (const [index, span] of tree.spans.entries()) {
    const group = groups.get(span.service) ?? { spans: [], self: 0n }
    group.spans.push(span)
    group.self += self[index] ?? 0n
    groups.set(span.service, group)
  }
  return [...groups].map(([name, group]) => {
    const { start, end } = extent(group.spans)
    return {
      name,
      spans: group.spans.length,
      errors: group.spans.filter((span) => span.error).length,
      startTimeUnixNano: start.toString(),
      durationNanos: (end - start).toString(),
      selfTimeNanos: group.self.toString(),
    }
  })
}

/** Earliest start and latest end of the spans whose times make sense; of all starts, where there is none. */
function extent(spans: readonly SkeletonSpan[]): { start: bigint; end: bigint } {
  const valid = spans.filter((span) => !span.invalidTimes)
  const measured = valid.length > 0 ? valid : spans
  let start = measured[0]?.start ?? 0n
  let end = start
  for (const span of measured) {
    if (span.start < start) start = span.start
    if (span.start + span.duration > end) end = span.start + span.duration
  }
  return { start, end }
}
