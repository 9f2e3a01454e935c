import type {
  ClockCorrection,
  Clocks,
  ClockSkew,
  CriticalPathSegment,
  MissingParent,
  Proxies,
  TraceAnswer,
  TraceFigures,
  TraceServiceFigures,
} from '../types.ts'
import { foldedSpans, foldingIn, noProxies, type TraceFolding, type TraceProxies } from './proxies.ts'
import { criticalPath, type Path } from './critical-path.ts'
import { selfTimes } from './self-time.ts'
import { byStart, ChangedSpan, joined, type SkeletonRows, type SkeletonSpan } from './skeleton.ts'
import { clockShifts, clockSkews, pairKey, type PairSkew } from './skew.ts'
import { buildTree, treeOf, type Tree } from './tree.ts'

/** A trace is complete when nothing of it was received for so long, and no parent is missing. */
export const settledAfterNanos = 10_000_000_000n

/** What rebuilding says of one span, besides what was sent. */
export interface Rebuilt {
  readonly span: SkeletonSpan
  readonly selfTime: bigint
  readonly onCriticalPath: boolean
  readonly missingParent: boolean
  readonly skew: bigint | undefined
  /** What was added to its times. */
  readonly shift: bigint
  /** The span that it is folded into, '' for none. */
  readonly foldedInto: string
}

/** How a trace is asked for. */
export interface Asked {
  readonly clocks?: Clocks | undefined
  readonly proxies?: Proxies | undefined
}

/** What rebuilding says of each span, made when it is asked for: as objects those of a million take half a gigabyte. */
export interface RebuiltSpans {
  readonly size: number
  get(spanId: string): Rebuilt | undefined
  values(): Iterable<Rebuilt>
}

/** A trace put together. */
export interface RebuiltTrace {
  /** The spans that are left, by start, and how they hang together. */
  readonly tree: Tree
  /** The critical path, by indexes into the tree. */
  readonly path: Path
  /** Those of the tree, in its order, then those that are folded into them. */
  readonly spans: RebuiltSpans
  readonly figures: TraceFigures
  /** Everything of the answer that comes before the spans, but for resources and scopes. */
  readonly head: Omit<TraceAnswer, 'spans' | 'resources' | 'scopes'>
}

/**
 * Puts a trace together from its spans' skeletons, in any order, copies included. Any input has an answer: missing
 * parents, cycles, odd times. `now` is the time of the question, for `complete`. On corrected clocks all that is made of
 * times is made of the corrected ones; with proxies folded all but counts is made of the spans that are left.
 */
export function rebuild(
  traceId: string,
  rows: SkeletonRows,
  now: bigint,
  { clocks = 'sent', proxies = 'shown' }: Asked = {},
  known: TraceProxies = noProxies,
): RebuiltTrace {
  const sent = treeOf(joined(rows))
  const folding = foldingIn(sent, known)
  // Of all spans: a proxy's may be the only ones that tell of both sides of a call to the microsecond.
  const skews = clockSkews(sent, folding.ownerOf)
  const shifts = clockShifts(sent, skews, folding.ownerOf)
  const isCorrected = clocks === 'corrected' && skews.length > 0
  const whole = isCorrected ? shifted(sent, shifts) : sent
  const isFolded = proxies === 'folded' && folding.into.size > 0
  const onWhole = isFolded ? onTree(whole, sent, folding) : folding
  const tree = isFolded ? buildTree(foldedSpans(whole, onWhole).sort(byStart)) : whole
  const self = selfTimes(tree)
  const path = criticalPath(tree)
  const { start, end } = extent(tree.spans)
  const lastReceived = sent.spans.reduce((last, span) => (span.receivedAt > last ? span.receivedAt : last), 0n)
  const shiftOf = isCorrected
    ? new Map(sent.spans.map(({ spanId }, index) => [spanId, shifts[index] ?? 0n]))
    : undefined
  const figures: TraceFigures = {
    traceId,
    complete: tree.missing.size === 0 && now - lastReceived > settledAfterNanos,
    lastReceivedUnixNano: lastReceived.toString(),
    startTimeUnixNano: start.toString(),
    endTimeUnixNano: end.toString(),
    durationNanos: (end - start).toString(),
    spanCount: sent.spans.length,
    errorCount: sent.spans.reduce((many, { error }) => many + (error ? 1 : 0), 0),
    duplicatesRemoved: sent.spans.reduce((sum, span) => sum + span.copies - 1, 0),
    clocks: isCorrected ? 'corrected' : 'sent',
    clockCorrections: corrections(sent, shifts),
    clockSkews: skews.map(({ parentService, childService, offset, spans }): ClockSkew => ({
      parentService,
      childService,
      offsetNanos: offset.toString(),
      spans,
    })),
    proxies: isFolded ? 'folded' : 'shown',
    proxySpans: folding.into.size,
    services: byService(tree, self),
  }
  const idOf = (index: number): string => tree.spans[index]?.spanId ?? ''
  return {
    tree,
    path,
    spans: spansOf(
      rebuiltIn(tree, self, path, skews, shiftOf, folding),
      tree.spans,
      isFolded ? [...eachFolded(whole, onWhole, shiftOf)] : [],
    ),
    figures,
    get head() {
      return {
        ...figures,
        roots: tree.roots.map(idOf),
        missingParents: [...tree.missing].map(([spanId, children]): MissingParent => ({
          spanId,
          children: children.map(idOf),
        })),
        cycles: tree.cyclic.map(idOf),
        criticalPath: Array.from(path, (segment): CriticalPathSegment => ({
          spanId: idOf(segment.span),
          startTimeUnixNano: segment.start.toString(),
          endTimeUnixNano: segment.end.toString(),
        })),
      }
    },
  }
}

/** @param folded those that are not in the tree, which is asked for by index */
function spansOf(
  inTree: (index: number) => Rebuilt,
  spans: readonly SkeletonSpan[],
  folded: readonly Rebuilt[],
): RebuiltSpans {
  const at = (index: number): Rebuilt | undefined =>
    index < spans.length ? inTree(index) : folded[index - spans.length]
  let indexOf: Map<string, number> | undefined
  return {
    size: spans.length + folded.length,
    get(spanId) {
      indexOf ??= new Map([
        ...spans.map((span, index) => [span.spanId, index] as const),
        ...folded.map(({ span }, index) => [span.spanId, spans.length + index] as const),
      ])
      return at(indexOf.get(spanId) ?? Infinity)
    },
    *values() {
      for (const index of spans.keys()) yield inTree(index)
      yield* folded
    },
  }
}

/** What is told of a span of the tree, by its index. */
function rebuiltIn(
  tree: Tree,
  self: BigUint64Array,
  path: Path,
  skews: readonly PairSkew[],
  shiftOf: ReadonlyMap<string, bigint> | undefined,
  { ownerOf }: TraceFolding,
): (index: number) => Rebuilt {
  const onPath = new Uint8Array(tree.spans.length)
  for (const { span } of path) onPath[span] = 1
  const skewOf = new Map(skews.map((skew) => [pairKey(skew.parentService, skew.childService), skew.offset]))
  return (index) => {
    const span = tree.spans[index]
    if (span === undefined) throw new Error(`BUG: the trace has no span ${index}`)
    const parent = tree.spans[tree.parent[index] ?? -1]
    const skew =
      parent === undefined || skewOf.size === 0 ? undefined : pairKey(ownerOf(parent.service), ownerOf(span.service))
    return {
      span,
      selfTime: self[index] ?? 0n,
      onCriticalPath: onPath[index] === 1,
      missingParent: tree.missing.size > 0 && tree.missing.has(span.parentSpanId),
      skew: skew === undefined ? undefined : skewOf.get(skew),
      shift: shiftOf?.get(span.spanId) ?? 0n,
      foldedInto: '',
    }
  }
}

/** A tree of the same spans at other times has another order: the folding by its indexes. */
function onTree(whole: Tree, sent: Tree, folding: TraceFolding): TraceFolding {
  if (whole === sent) return folding
  const at = new Map(whole.spans.map(({ spanId }, index) => [spanId, index]))
  const moved = (index: number): number => at.get(sent.spans[index]?.spanId ?? '') ?? -1
  const into = new Map([...folding.into].map(([proxy, app]) => [moved(proxy), moved(app)]))
  return { ...folding, into }
}

/** What is told of the spans that are folded: their own time is that of the tree with all of them. */
function* eachFolded(
  whole: Tree,
  { into }: TraceFolding,
  shiftOf: ReadonlyMap<string, bigint> | undefined,
): Generator<Rebuilt> {
  const self = selfTimes(whole)
  for (const [index, app] of into) {
    const span = whole.spans[index]
    if (span === undefined) continue
    yield {
      span,
      selfTime: self[index] ?? 0n,
      onCriticalPath: false,
      missingParent: whole.missing.has(span.parentSpanId),
      skew: undefined,
      shift: shiftOf?.get(span.spanId) ?? 0n,
      foldedInto: whole.spans[app]?.spanId ?? '',
    }
  }
}

/** The tree with its spans where they are on the clocks of the roots. */
function shifted(tree: Tree, shifts: readonly bigint[]): Tree {
  const moved = tree.spans.map((span, index) => {
    const shift = shifts[index] ?? 0n
    return shift === 0n ? span : new ChangedSpan(span, { start: span.start + shift })
  })
  return buildTree(moved.sort(byStart))
}

/** How many spans of which service are moved by how much, the most spans first. */
function corrections(tree: Tree, shifts: readonly bigint[]): ClockCorrection[] {
  const groups = new Map<string, ClockCorrection>()
  for (const [index, { service }] of tree.spans.entries()) {
    const shift = shifts[index] ?? 0n
    if (shift === 0n) continue
    const key = `${shift} ${service}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { service, shiftNanos: shift.toString(), spans: 1 })
    else group.spans++
  }
  return [...groups.values()].sort((a, b) => b.spans - a.spans)
}

function byService(tree: Tree, self: BigUint64Array): TraceServiceFigures[] {
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
