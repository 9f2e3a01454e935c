import { grown } from './grown.ts'
import type { Tree } from './tree.ts'

export interface Segment {
  /** Index of the span that the time hangs on. */
  readonly span: number
  readonly start: bigint
  readonly end: bigint
}

/** Segments in order of time, in columns: a trace of a million calls one after another has two million of them. */
export class Path {
  #span = new Int32Array(1024)
  #start = new BigUint64Array(1024)
  #end = new BigUint64Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes the one before all others. */
  add(span: number, start: bigint, end: bigint): void {
    const at = this.#length++
    if (at === this.#span.length) {
      this.#span = grown(this.#span)
      this.#start = grown(this.#start)
      this.#end = grown(this.#end)
    }
    this.#span[at] = span
    this.#start[at] = start
    this.#end[at] = end
  }

  *[Symbol.iterator](): Generator<Segment, void, void> {
    for (let at = this.#length - 1; at >= 0; at--) {
      yield { span: this.#span[at] ?? -1, start: this.#start[at] ?? 0n, end: this.#end[at] ?? 0n }
    }
  }
}

/** A span being walked backwards, clipped to its parent: `until` is the time down to which it has been told. */
interface Frame {
  /** -1: the cover of several roots. */
  readonly span: number
  readonly start: bigint
  readonly end: bigint
  until: bigint
  readonly childrenByEnd: readonly number[]
  next: number
}

/**
 * The critical path, as in CRISP (Zhang et al., USENIX ATC 2022): from a span's end backwards, the child that finishes
 * last is on it; before that child's start, the child that finished last before that; what no such child covers is the
 * span's own. Children are clipped to their parent; spans whose times make no sense are not on it, nor what hangs below
 * them. Several roots (parents that never arrived) are treated as the children of one span that covers them all.
 *
 * Segments do not overlap and come earliest first; one root is covered without a gap. O(n log n), no recursion.
 */
export function criticalPath(tree: Tree): Path {
  const roots = tree.roots.filter((root) => tree.spans[root]?.invalidTimes === false)
  const segments = new Path()
  if (roots.length === 0) return segments
  const stack = [openFrame(tree, -1, earliestStart(tree, roots), latestEnd(tree, roots), roots)]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const child = top.childrenByEnd[top.next++]
    if (child === undefined) {
      tell(segments, top, top.start)
      stack.pop()
      continue
    }
    const start = max(startOf(tree, child), top.start)
    const end = min(endOf(tree, child), top.end)
    // One that was still running when a later one on the path began held nobody up; an empty one covers nothing.
    if (end > top.until || start >= end) continue
    tell(segments, top, end)
    top.until = start
    stack.push(openFrame(tree, child, start, end, tree.children[child] ?? []))
  }
  return segments
}

function openFrame(tree: Tree, span: number, start: bigint, end: bigint, children: readonly number[]): Frame {
  const childrenByEnd = children.filter((child) => tree.spans[child]?.invalidTimes === false)
  childrenByEnd.sort((a, b) => compare(endOf(tree, b), endOf(tree, a)) || compare(startOf(tree, a), startOf(tree, b)))
  return { span, start, end, until: end, childrenByEnd, next: 0 }
}

function tell(segments: Path, frame: Frame, from: bigint): void {
  if (frame.span >= 0 && from < frame.until) segments.add(frame.span, from, frame.until)
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

function startOf(tree: Tree, span: number): bigint {
  return tree.spans[span]?.start ?? 0n
}
function endOf(tree: Tree, span: number): bigint {
  const of = tree.spans[span]
  return of === undefined ? 0n : of.start + of.duration
}
function earliestStart(tree: Tree, spans: readonly number[]): bigint {
  return spans.reduce((least, span) => min(least, startOf(tree, span)), startOf(tree, spans[0] ?? -1))
}
function latestEnd(tree: Tree, spans: readonly number[]): bigint {
  return spans.reduce((most, span) => max(most, endOf(tree, span)), 0n)
}
