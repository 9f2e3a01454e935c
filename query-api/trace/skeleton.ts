/** What rebuilding a trace needs of a span: everything small. Ids are lower-case hex, '' for none; times nanoseconds. */
export interface SkeletonSpan {
  readonly spanId: string
  readonly parentSpanId: string
  readonly service: string
  readonly name: string
  readonly kind: number
  readonly error: boolean
  readonly start: bigint
  /** end - start, 0 where the times make no sense. */
  readonly duration: bigint
  readonly invalidTimes: boolean
  readonly receivedAt: bigint
  readonly resourceId: string
  /** Index into the trace's scopes. */
  readonly scope: number
  /** Tells the copies of a span apart: where it came from, and its times. */
  readonly copyKey: string
  copies: number
}

/** A span as it is but for its parent or its start. */
export class ChangedSpan implements SkeletonSpan {
  readonly #of: SkeletonSpan
  readonly parentSpanId: string
  readonly start: bigint
  constructor(of: SkeletonSpan, { parentSpanId, start }: Partial<Pick<SkeletonSpan, 'parentSpanId' | 'start'>>) {
    this.#of = of
    this.parentSpanId = parentSpanId ?? of.parentSpanId
    this.start = start ?? of.start
  }
  get spanId(): string {
    return this.#of.spanId
  }
  get service(): string {
    return this.#of.service
  }
  get name(): string {
    return this.#of.name
  }
  get kind(): number {
    return this.#of.kind
  }
  get error(): boolean {
    return this.#of.error
  }
  get duration(): bigint {
    return this.#of.duration
  }
  get invalidTimes(): boolean {
    return this.#of.invalidTimes
  }
  get receivedAt(): bigint {
    return this.#of.receivedAt
  }
  get resourceId(): string {
    return this.#of.resourceId
  }
  get scope(): number {
    return this.#of.scope
  }
  get copyKey(): string {
    return this.#of.copyKey
  }
  get copies(): number {
    return this.#of.copies
  }
}

/**
 * One span for each id: of its copies, the one received first (equal times of receipt: the one whose key sorts first, so
 * that the choice does not depend on the order of the rows). `copies` of it counts them all.
 */
export function withoutCopies(rows: Iterable<SkeletonSpan>): SkeletonSpan[] {
  const byId = new Map<string, SkeletonSpan>()
  for (const row of rows) {
    const kept = byId.get(row.spanId)
    if (kept === undefined) {
      byId.set(row.spanId, row)
      continue
    }
    byId.set(row.spanId, firstOf(kept, row))
  }
  return [...byId.values()].sort(byStart)
}

/** Of two copies of a span the one that is kept, which counts both. */
export function firstOf<Span extends SkeletonSpan>(kept: Span, row: Span): Span {
  const earlier = row.receivedAt < kept.receivedAt || (row.receivedAt === kept.receivedAt && row.copyKey < kept.copyKey)
  const [first, other] = earlier ? [row, kept] : [kept, row]
  first.copies += other.copies
  return first
}

/** Spans by start, each id once, and the place of each one's parent: -1 for none, `notThere` for one that is missing. */
export interface Joined {
  readonly spans: readonly SkeletonSpan[]
  readonly parents: Int32Array
}
export const notThere = -2

/** Joins spans, each id once and by start, to their parents. */
export function joinedById(spans: readonly SkeletonSpan[]): Joined {
  const indexOf = new Map(spans.map((span, index) => [span.spanId, index]))
  const parents = Int32Array.from(spans, ({ parentSpanId }) =>
    parentSpanId === '' ? -1 : (indexOf.get(parentSpanId) ?? notThere),
  )
  return { spans, parents }
}

/** Rows that can be joined faster. */
export interface SkeletonRows extends Iterable<SkeletonSpan> {
  joined?(): Joined
}

/** Rows, in any order and copies included, joined to their parents. */
export const joined = (rows: SkeletonRows): Joined => rows.joined?.() ?? joinedById(withoutCopies(rows))

/** Earliest first; equal starts: the longer (the likely parent) first, then by id, so that the order is always the same. */
export function byStart(a: SkeletonSpan, b: SkeletonSpan): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1
  if (a.duration !== b.duration) return a.duration > b.duration ? -1 : 1
  return a.spanId < b.spanId ? -1 : 1
}
