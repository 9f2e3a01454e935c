import type { TraceAnswer, TraceFigures, TraceSpan } from '../../../query-api/types.ts'
import { flag, layFlat, writeId, type Columns, type Critical, type SpanRows } from './columns.ts'
import { Nodes, type Node } from './nodes.ts'
import { sentIn, type SentSpans } from './sent.ts'

export type { Node } from './nodes.ts'

/** A trace as its views need it, whichever way it came. */
export interface TraceModel {
  readonly answer: TraceFigures
  readonly nodes: Nodes
  /** What was sent of its spans besides. */
  readonly sent: SentSpans
  /** Nanoseconds from the earliest start to the latest end, at least 1. */
  readonly length: number
  readonly startNanos: bigint
  /** The span that the trace began with, undefined when it has not arrived. */
  readonly root: Node | undefined
  /** Ids of parents that have not arrived. */
  readonly missing: readonly string[]
  /** How many spans name each other as parents in a circle. */
  readonly cyclic: number
}

export function modelOf(
  answer: TraceFigures,
  columns: Columns,
  missing: readonly string[],
  sent: SentSpans,
): TraceModel {
  const nodes = new Nodes(columns)
  return {
    answer,
    nodes,
    sent,
    startNanos: BigInt(answer.startTimeUnixNano),
    length: Math.max(1, Number(answer.durationNanos)),
    root: rootOf(nodes),
    missing,
    cyclic: columns.flags.reduce((many, of) => many + ((of & flag.cyclic) === 0 ? 0 : 1), 0),
  }
}

/** Of an answer that tells every span whole. */
export const buildModel = (answer: TraceAnswer): TraceModel => {
  const missing = answer.missingParents.map(({ spanId }) => spanId)
  return modelOf(answer, layFlat(rowsOf(answer)), missing, sentIn(answer))
}

/** When a span began by its own clock, in Unix nanoseconds. */
export const sentAt = (node: Node, startNanos: bigint): bigint =>
  startNanos + BigInt(Math.round(node.start - node.shift))

/** The first node that is no parent that has not arrived. */
export function firstSpan(nodes: Nodes): Node | undefined {
  for (const node of nodes) if (!node.isGhost) return node
  return undefined
}

function rootOf(nodes: Nodes): Node | undefined {
  for (const node of nodes) {
    if (node.depth === 0 && !node.isGhost && !node.missingParent && !node.cyclic && !node.invalidTimes) return node
  }
  return undefined
}

function rowsOf(answer: TraceAnswer): SpanRows {
  const { spans } = answer
  const many = spans.length
  const startNanos = BigInt(answer.startTimeUnixNano)
  const rowOfId = new Map(spans.map(({ spanId }, row) => [spanId, row]))
  const ids = new Uint32Array(2 * many)
  for (const [row, { spanId }] of spans.entries()) writeId(ids, row, spanId)
  const isFolded = spans.some(({ foldedInto }) => foldedInto !== '')
  const known = new Map<string, Map<string, number>>()
  const operations: [string, string][] = []
  const operationOf = ({ service, name }: TraceSpan): number => {
    // A map in a map: any text may stand in a name, so none can stand between two of them.
    let byName = known.get(service)
    if (byName === undefined) known.set(service, (byName = new Map()))
    let operation = byName.get(name)
    if (operation === undefined) byName.set(name, (operation = operations.push([service, name]) - 1))
    return operation
  }
  const floats = (of: (span: TraceSpan) => number): Float64Array => Float64Array.from(spans, of)
  const cycles = new Set(answer.cycles)
  return {
    many,
    ids,
    ...parentsOf(answer, rowOfId, isFolded),
    foldedInto: isFolded
      ? Int32Array.from(spans, ({ foldedInto }) => (foldedInto === '' ? -1 : (rowOfId.get(foldedInto) ?? -1)))
      : undefined,
    start: floats(({ startTimeUnixNano, shiftNanos }) =>
      startTimeUnixNano === '0' ? 0 : Number(BigInt(startTimeUnixNano) - startNanos) + Number(shiftNanos),
    ),
    duration: floats(({ durationNanos }) => Number(durationNanos)),
    self: floats(({ selfTimeNanos }) => Number(selfTimeNanos)),
    kind: Int32Array.from(spans, ({ kind }) => kind),
    flags: Uint8Array.from(
      spans,
      ({ status, invalidTimes, spanId }) =>
        (status.code === 2 ? flag.error : 0) |
        (invalidTimes ? flag.invalidTimes : 0) |
        (cycles.has(spanId) ? flag.cyclic : 0),
    ),
    operation: Int32Array.from(spans, operationOf),
    operations,
    skew: answer.clockSkews.length > 0 ? floats(({ skewNanos }) => Number(skewNanos ?? 0)) : undefined,
    shift: answer.clocks === 'corrected' ? floats(({ shiftNanos }) => Number(shiftNanos)) : undefined,
    copies: answer.duplicatesRemoved > 0 ? Uint32Array.from(spans, ({ copies }) => copies) : undefined,
    critical: criticalOf(answer, rowOfId, startNanos),
  }
}

function parentsOf(
  { spans, roots, missingParents }: TraceAnswer,
  rowOfId: ReadonlyMap<string, number>,
  isFolded: boolean,
): Pick<SpanRows, 'parent' | 'missing'> {
  const rootSet = new Set(roots)
  const missing = missingParents.map(({ spanId }) => spanId)
  const places = new Map(missing.map((id, place) => [id, place]))
  const parent = Int32Array.from(spans, (span) => {
    const named = isFolded ? parentLeft(span, spans, rowOfId) : span.parentSpanId
    const up = rowOfId.get(named)
    if (up !== undefined) return rootSet.has(span.spanId) ? -1 : up
    if (!span.missingParent || named === '') return -1
    let place = places.get(named)
    if (place === undefined) places.set(named, (place = missing.push(named) - 1))
    return -2 - place
  })
  return { parent, missing }
}

/** The id of the nearest span above that is left: what is folded into the span itself has left it its own parent. */
function parentLeft(span: TraceSpan, spans: readonly TraceSpan[], rowOfId: ReadonlyMap<string, number>): string {
  let named = span.parentSpanId
  const seen = new Set<string>()
  const above = (): TraceSpan | undefined => spans[rowOfId.get(named) ?? -1]
  for (let of = above(); of !== undefined && of.foldedInto !== ''; of = above()) {
    if (seen.has(named)) break
    seen.add(named)
    named = of.foldedInto === span.spanId ? of.parentSpanId : of.foldedInto
  }
  return named
}

function criticalOf(
  { criticalPath, spans }: TraceAnswer,
  rowOfId: ReadonlyMap<string, number>,
  start: bigint,
): Critical {
  const first = new Int32Array(spans.length + 1)
  const rows = Int32Array.from(criticalPath, ({ spanId }) => rowOfId.get(spanId) ?? -1)
  for (const row of rows) if (row >= 0) first[row + 1] = (first[row + 1] ?? 0) + 1
  for (let row = 0; row < spans.length; row++) first[row + 1] = (first[row + 1] ?? 0) + (first[row] ?? 0)
  const next = first.slice()
  const [from, to] = [new Float64Array(first.at(-1) ?? 0), new Float64Array(first.at(-1) ?? 0)]
  for (const [at, { startTimeUnixNano, endTimeUnixNano }] of criticalPath.entries()) {
    const row = rows[at] ?? -1
    if (row < 0) continue
    const place = next[row] ?? 0
    from[place] = Number(BigInt(startTimeUnixNano) - start)
    to[place] = Number(BigInt(endTimeUnixNano) - start)
    next[row] = place + 1
  }
  return { first, from, to }
}

/** The nodes on screen, top to bottom: all but what lies under a closed node; of a closed run its first node alone. */
export function visibleNodes(
  nodes: Nodes,
  closed: ReadonlySet<string>,
  runs: ReadonlyMap<number, { readonly end: number }> = noRuns,
): Int32Array {
  const out = new Int32Array(nodes.length)
  let many = 0
  const { children, end } = nodes.columns
  for (let i = 0; i < nodes.length;) {
    out[many++] = i
    const isClosed = closed.size > 0 && (children[i] ?? 0) > 0 && closed.has(nodes.at(i)?.id ?? '')
    i = runs.get(i)?.end ?? (isClosed ? (end[i] ?? nodes.length) : i + 1)
  }
  return out.subarray(0, many)
}

const noRuns: ReadonlyMap<number, { readonly end: number }> = new Map()

/** The row that shows a node: its own, or that of the closed node it lies under. Rows are sorted by node. */
export function rowOf(rows: Int32Array, index: number): number {
  let low = 0
  let high = rows.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((rows[middle] ?? 0) <= index) low = middle
    else high = middle - 1
  }
  return low
}

/** `closed` without the nodes above `index`, so that it can be seen; the same set where nothing was closed. */
export function revealed(nodes: Nodes, closed: ReadonlySet<string>, index: number): ReadonlySet<string> {
  let out = closed
  for (let at = nodes.at(index)?.parent ?? -1; at >= 0; at = nodes.at(at)?.parent ?? -1) {
    const id = nodes.at(at)?.id ?? ''
    if (!out.has(id)) continue
    out = new Set(out)
    ;(out as Set<string>).delete(id)
  }
  return out
}

/** The next node from `from` in a direction for which `holds`, around the end; -1 where there is none. */
export function nextNode(nodes: Nodes, from: number, direction: 1 | -1, holds: (node: Node) => boolean): number {
  const many = nodes.length
  for (let step = 1; step <= many; step++) {
    const at = (((from + direction * step) % many) + many) % many
    const node = nodes.at(at)
    if (node !== undefined && holds(node)) return at
  }
  return -1
}
