import type { Figures } from './figures.ts'
import type { TraceModel } from './model.ts'

/**
 * A trace folded together: siblings of the same service and name are one block, and so on below them. 480 calls of 3 ms
 * are one block that is as wide as what they take together, which no picture along the time axis shows; when they ran is
 * what the waterfall is for. A block is as wide as its work: the self times of its spans and of all below, so that
 * children never stick out, whatever ran at the same time or after its parent. One place in each column for a block.
 */
export interface Icicle {
  readonly many: number
  /** -1 at the top. */
  readonly parent: Int32Array
  readonly depth: Int32Array
  /** Place in the operations, -1 for parents that have not arrived. */
  readonly operation: Int32Array
  readonly spans: Int32Array
  readonly errors: Int32Array
  /** Nanoseconds: of its spans alone; with everything below; durations added up. */
  readonly self: Float64Array
  readonly work: Float64Array
  readonly total: Float64Array
  /** Node of its longest span. */
  readonly slowest: Int32Array
  /** Where it begins and how wide it is, of `width`. At least 1 for each span, so that no block is without any. */
  readonly left: Float64Array
  readonly wide: Float64Array
  readonly width: number
  /** Blocks level by level, from left to right: level `d` is `order[levels[d]]` to before `order[levels[d + 1]]`. */
  readonly order: Int32Array
  readonly levels: Int32Array
  /** Place in `order` of each block's first child, and how many it has. */
  readonly firstChild: Int32Array
  readonly children: Int32Array
  /** Block of each node. */
  readonly of: Int32Array
}

/** Folds a trace. Linear but for the sorting of siblings; never recursive. */
export function icicleOf({ nodes }: TraceModel, figures: Figures): Icicle {
  const most = nodes.length
  const columns = {
    parent: new Int32Array(most),
    depth: new Int32Array(most),
    operation: new Int32Array(most),
    spans: new Int32Array(most),
    errors: new Int32Array(most),
    slowest: new Int32Array(most).fill(-1),
    self: new Float64Array(most),
    total: new Float64Array(most),
    wide: new Float64Array(most),
  }
  const { parent, depth, operation, spans, errors, slowest, self, total, wide } = columns
  const of = new Int32Array(most)
  const known = new Map<number, number>()
  const operations = figures.operations.length + 1
  let many = 0
  for (const node of nodes) {
    const { index, parent: above, isGhost } = node
    const up = above < 0 ? -1 : (of[above] ?? -1)
    const kind = figures.of[index] ?? -1
    const key = (up + 1) * operations + kind + 1
    let block = known.get(key)
    if (block === undefined) {
      known.set(key, (block = many++))
      parent[block] = up
      depth[block] = up < 0 ? 0 : (depth[up] ?? 0) + 1
      operation[block] = kind
    }
    of[index] = block
    spans[block] = (spans[block] ?? 0) + 1
    if (node.failed) errors[block] = (errors[block] ?? 0) + 1
    const longest = nodes.at(slowest[block] ?? -1)
    if (longest === undefined || node.duration > longest.duration) slowest[block] = index
    const own = isGhost ? 0 : node.self
    self[block] = (self[block] ?? 0) + own
    if (!isGhost) total[block] = (total[block] ?? 0) + node.duration
    wide[block] = (wide[block] ?? 0) + Math.max(1, own)
  }
  const work = self.slice(0, many)
  // A block's parent was found before it.
  for (let block = many - 1; block >= 0; block--) {
    const up = parent[block] ?? -1
    if (up < 0) continue
    work[up] = (work[up] ?? 0) + (work[block] ?? 0)
    wide[up] = (wide[up] ?? 0) + (wide[block] ?? 0)
  }
  return { ...columns, many, work, of, ...placed(many, parent, wide) }
}

/** Puts the children of each block side by side from its left edge, the widest first. */
function placed(many: number, parent: Int32Array, wide: Float64Array) {
  // Children in a row for each parent; the top's stand before all others, at place 0 of `starts`.
  const children = new Int32Array(many + 1)
  for (let block = 0; block < many; block++) {
    const up = (parent[block] ?? -1) + 1
    children[up] = (children[up] ?? 0) + 1
  }
  const starts = new Int32Array(many + 1)
  for (let at = 1; at <= many; at++) starts[at] = (starts[at - 1] ?? 0) + (children[at - 1] ?? 0)
  const filled = starts.slice()
  const below = new Int32Array(many)
  for (let block = 0; block < many; block++) {
    const up = (parent[block] ?? -1) + 1
    const place = filled[up] ?? 0
    below[place] = block
    filled[up] = place + 1
  }
  const byWidth = (a: number, b: number): number => (wide[b] ?? 0) - (wide[a] ?? 0) || a - b
  const order = new Int32Array(many)
  const firstChild = new Int32Array(many)
  const left = new Float64Array(many)
  const levels = [0]
  let end = 0
  const put = (up: number): void => {
    const start = starts[up + 1] ?? 0
    const siblings = below.subarray(start, start + (children[up + 1] ?? 0))
    if (siblings.length > 1) siblings.sort(byWidth)
    let x = up < 0 ? 0 : (left[up] ?? 0)
    for (const block of siblings) {
      left[block] = x
      x += wide[block] ?? 0
      order[end++] = block
    }
  }
  put(-1)
  for (let at = 0; at < end;) {
    const levelEnd = end
    levels.push(levelEnd)
    for (; at < levelEnd; at++) {
      const block = order[at] ?? 0
      firstChild[block] = end
      put(block)
    }
  }
  if (many === 0) levels.length = 1
  const top = order.subarray(0, levels[1] ?? 0)
  return {
    order,
    firstChild,
    left,
    children: children.subarray(1),
    levels: Int32Array.from(levels),
    width: top.reduce((sum, block) => sum + (wide[block] ?? 0), 0),
  }
}

/** Which way from a block to another: to its caller, its widest child, the sibling before or after; itself where none. */
export function neighbour(icicle: Icicle, block: number, way: 'up' | 'down' | 'before' | 'after'): number {
  const { parent, order, firstChild, children, levels } = icicle
  const up = parent[block] ?? -1
  if (way === 'up') return up < 0 ? block : up
  if (way === 'down') return (children[block] ?? 0) === 0 ? block : (order[firstChild[block] ?? 0] ?? block)
  const first = up < 0 ? 0 : (firstChild[up] ?? 0)
  const many = up < 0 ? (levels[1] ?? 0) : (children[up] ?? 0)
  const place = order.subarray(first, first + many).indexOf(block) + (way === 'after' ? 1 : -1)
  return place < 0 || place >= many ? block : (order[first + place] ?? block)
}

/** The block at a depth and an x (in the icicle's own measure), -1 for none. */
export function blockAt({ order, levels, left, wide }: Icicle, level: number, x: number): number {
  const at = firstUpTo({ order, levels, left, wide }, level, x)
  const block = order[at] ?? -1
  return at < 0 || block < 0 || x < (left[block] ?? 0) || x >= (left[block] ?? 0) + (wide[block] ?? 0) ? -1 : block
}

/** The last place in `order` on a level whose block begins at `x` or before; the level's first where none does; -1: no such level. */
export function firstUpTo(
  { order, levels, left }: Pick<Icicle, 'order' | 'levels' | 'left' | 'wide'>,
  level: number,
  x: number,
): number {
  let [low, high] = [levels[level] ?? 0, (levels[level + 1] ?? 0) - 1]
  if (level < 0 || high < low) return -1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((left[order[middle] ?? 0] ?? 0) <= x) low = middle
    else high = middle - 1
  }
  return low
}
