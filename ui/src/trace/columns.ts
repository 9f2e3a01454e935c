/** What is told of each span, by its place. */
interface Told {
  readonly start: Float64Array
  readonly duration: Float64Array
  readonly self: Float64Array
  readonly kind: Int32Array
  /** Of `flag`. */
  readonly flags: Uint8Array
  /** Place of service and name in `operations`. */
  readonly operation: Int32Array
  readonly operations: readonly (readonly [service: string, name: string])[]
  /** Undefined: all are 0; of copies, all are 1. */
  readonly skew: Float64Array | undefined
  readonly shift: Float64Array | undefined
  readonly copies: Uint32Array | undefined
  /** Stretches of the critical path: those of place p are `first[p]` to before `first[p + 1]`, in order of time. */
  readonly critical: Critical
}

/**
 * The spans of a trace as they come, in columns of one place for each. Times are nanoseconds after the trace's start as plain
 * numbers (exact up to 104 days); ids are two halves, the first digits first.
 */
export interface SpanRows extends Told {
  readonly many: number
  readonly ids: Uint32Array
  /** Row of the parent; -1 for none, -2 - k for the k-th of `missing`. */
  readonly parent: Int32Array
  /** Ids of parents that have not arrived. */
  readonly missing: readonly string[]
  /** Row of the span that it is folded into, -1 for none; undefined where nothing is folded. */
  readonly foldedInto: Int32Array | undefined
}

export interface Critical {
  readonly first: Int32Array
  readonly from: Float64Array
  readonly to: Float64Array
}

export const flag = { error: 1, invalidTimes: 2, cyclic: 4, missingParent: 8, failed: 16, ghost: 32 } as const

/**
 * A trace as a tree laid flat: nodes in depth-first order, children by start, so that a subtree is a run of nodes. A node is a
 * place in the columns; behind the nodes stand the spans that are folded into them. Some 100 bytes a span, and nothing in it
 * that cannot be handed over from a worker. `operation` is -1 for a parent that has not arrived; `operations` are in the order
 * of the nodes, those of no node last.
 */
export interface Columns extends Told {
  /** Nodes. */
  readonly count: number
  /** Nodes and what is folded into them. */
  readonly many: number
  /** Place of each in the rows it was made of, -1 for parents that have not arrived. */
  readonly row: Int32Array
  readonly ids: Uint32Array
  /** Which place has an id: places plus 1, by a hash of the id. */
  readonly table: Int32Array
  readonly seed: number
  readonly parent: Int32Array
  readonly depth: Int32Array
  /** First node after this one's subtree. */
  readonly end: Int32Array
  readonly children: Int32Array
  /** Which of its siblings it is, from 1, and of how many. */
  readonly place: Int32Array
  readonly siblings: Int32Array
  /** What is folded into node n is `held[n]` to before `held[n + 1]`; undefined where nothing is folded. */
  readonly held: Int32Array | undefined
  readonly deepest: number
}

/** Lays a trace flat. Never recursive: a chain of a million spans is a legal trace. */
export function layFlat(rows: SpanRows): Columns {
  const tree = walked(rows)
  const { count, row } = tree
  const ids = new Uint32Array(2 * row.length)
  const duration = new Float64Array(row.length)
  const [start, self] = [taken(rows.start, row, Float64Array), taken(rows.self, row, Float64Array)]
  const flags = taken(rows.flags, row, Uint8Array)
  for (const [at, from] of row.entries()) {
    duration[at] = rows.duration[from] ?? 0
    ids[2 * at] = rows.ids[2 * from] ?? 0
    ids[2 * at + 1] = rows.ids[2 * from + 1] ?? 0
    if (at0(rows.parent, from) < -1) flags[at] = at0(flags, at) | flag.missingParent
    if ((at0(flags, at) & flag.error) !== 0) flags[at] = at0(flags, at) | flag.failed
  }
  for (const { node, id, from, to } of tree.ghosts) {
    start[node] = from
    duration[node] = to - from
    flags[node] = flag.ghost
    writeId(ids, node, id)
  }
  const { held } = tree
  if (held !== undefined) failWithHeld(flags, held, count)
  return {
    count,
    many: row.length,
    row,
    ids,
    ...idTable(ids),
    parent: tree.parent,
    depth: tree.depth,
    end: endsOf(tree.parent),
    children: tree.children,
    place: tree.place,
    siblings: tree.siblings,
    start,
    duration,
    self,
    kind: taken(rows.kind, row, Int32Array),
    flags,
    ...operationsOf(rows, row),
    skew: rows.skew && taken(rows.skew, row, Float64Array),
    shift: rows.shift && taken(rows.shift, row, Float64Array),
    copies: rows.copies && taken(rows.copies, row, Uint32Array),
    critical: criticalOf(rows.critical, row, count),
    held,
    deepest: tree.depth.reduce((most, depth) => Math.max(most, depth), 0),
  }
}

/** What is folded into a node fails it. */
function failWithHeld(flags: Uint8Array, held: Int32Array, count: number): void {
  for (let node = 0; node < count; node++) {
    for (let at = at0(held, node); at < at0(held, node + 1); at++) {
      if ((at0(flags, at) & flag.error) !== 0) flags[node] = at0(flags, node) | flag.failed
    }
  }
}

interface Ghost {
  readonly node: number
  readonly id: string
  readonly from: number
  readonly to: number
}

type Numbers = Int32Array | Uint32Array | Float64Array | Uint8Array
const at0 = (column: Numbers, at: number): number => column[at] ?? 0

function walked(rows: SpanRows) {
  const { many, parent, foldedInto, start, duration } = rows
  const isFolded = (row: number): boolean => (foldedInto?.[row] ?? -1) >= 0
  const inOrder = orderOf(start)
  // Children of a row are `below[first[row]]` to before `below[first[row + 1]]`, by start.
  const first = new Int32Array(many + 1)
  for (let row = 0; row < many; row++) {
    const up = at0(parent, row)
    if (up >= 0 && up !== row && !isFolded(row)) first[up + 1] = at0(first, up + 1) + 1
  }
  for (let row = 0; row < many; row++) first[row + 1] = at0(first, row + 1) + at0(first, row)
  const next = first.slice(0, many)
  const below = new Int32Array(at0(first, many))
  const place = new Int32Array(many)
  const tops: { start: number; row: number; missing: number }[] = []
  const orphans: number[][] = rows.missing.map(() => [])
  let folded = 0
  for (let i = 0; i < many; i++) {
    const row = inOrder === undefined ? i : at0(inOrder, i)
    const up = at0(parent, row)
    if (isFolded(row)) folded++
    else if (up < -1) orphans[-2 - up]?.push(row)
    else if (up < 0 || up === row) tops.push({ start: at0(start, row), row, missing: -1 })
    else {
      place[row] = at0(next, up) - at0(first, up) + 1
      below[at0(next, up)] = row
      next[up] = at0(next, up) + 1
    }
  }
  for (const [missing, children] of orphans.entries()) {
    if (children.length > 0) tops.push({ start: at0(start, children[0] ?? -1), row: -1, missing })
  }
  tops.sort((a, b) => a.start - b.start)
  const ghostsMany = orphans.filter((children) => children.length > 0).length
  const most = many - folded + ghostsMany
  const out = {
    row: new Int32Array(most + folded).fill(-1),
    parent: new Int32Array(most).fill(-1),
    depth: new Int32Array(most),
    children: new Int32Array(most),
    place: new Int32Array(most),
    siblings: new Int32Array(most),
  }
  const nodeOf = new Int32Array(many).fill(-1)
  const stack = new Int32Array(many)
  let count = 0
  const put = (row: number, up: number, nth: number, of: number): number => {
    const node = count++
    out.row[node] = row
    out.parent[node] = up
    out.depth[node] = up < 0 ? 0 : at0(out.depth, up) + 1
    out.place[node] = nth
    out.siblings[node] = of
    return node
  }
  const walk = (top: number, up: number, nth: number, of: number): void => {
    if (at0(nodeOf, top) >= 0) return
    let open = 0
    stack[open++] = top
    while (open > 0) {
      const row = at0(stack, --open)
      if (at0(nodeOf, row) >= 0) continue
      const above = at0(parent, row)
      const node =
        row === top
          ? put(row, up, nth, of)
          : put(row, at0(nodeOf, above), at0(place, row), at0(first, above + 1) - at0(first, above))
      nodeOf[row] = node
      out.children[node] = at0(first, row + 1) - at0(first, row)
      for (let at = at0(first, row + 1) - 1; at >= at0(first, row); at--) {
        if (at0(nodeOf, at0(below, at)) < 0) stack[open++] = at0(below, at)
      }
    }
  }
  const ghosts: Ghost[] = []
  for (const [at, top] of tops.entries()) {
    if (top.missing < 0) {
      walk(top.row, -1, at + 1, tops.length)
      continue
    }
    const children = orphans[top.missing] ?? []
    const node = put(-1, -1, at + 1, tops.length)
    out.children[node] = children.length
    const to = children.reduce((last, row) => Math.max(last, at0(start, row) + at0(duration, row)), top.start)
    ghosts.push({ node, id: rows.missing[top.missing] ?? '', from: top.start, to })
    for (const [nth, row] of children.entries()) walk(row, node, nth + 1, children.length)
  }
  // A cycle that names no root would be lost: whatever was not reached hangs on top.
  for (let row = 0; row < many; row++) if (!isFolded(row)) walk(row, -1, tops.length, tops.length)
  return { ...out, count, ghosts, held: foldedInto && heldRows(foldedInto, nodeOf, out.row, count) }
}

/** Puts what is folded behind the nodes, by the node that it is folded into. */
function heldRows(foldedInto: Int32Array, nodeOf: Int32Array, row: Int32Array, count: number): Int32Array {
  const held = new Int32Array(count + 1)
  const nodeWith = (of: number): number => (of < 0 ? -1 : (nodeOf[of] ?? -1))
  for (const of of foldedInto) if (nodeWith(of) >= 0) held[nodeWith(of) + 1] = at0(held, nodeWith(of) + 1) + 1
  held[0] = count
  for (let node = 0; node < count; node++) held[node + 1] = at0(held, node + 1) + at0(held, node)
  const next = held.slice(0, count)
  for (const [from, of] of foldedInto.entries()) {
    const node = nodeWith(of)
    if (node < 0) continue
    row[at0(next, node)] = from
    next[node] = at0(next, node) + 1
  }
  return held
}

/** Rows by start, then by place; undefined where they stand so already, as in an answer. */
function orderOf(start: Float64Array): Int32Array | undefined {
  if (start.every((one, row) => row === 0 || one >= at0(start, row - 1))) return undefined
  return Int32Array.from(start.keys()).sort((a, b) => at0(start, a) - at0(start, b) || a - b)
}

function taken<Column extends Numbers>(from: Column, row: Int32Array, make: new (length: number) => Column): Column {
  const out = new make(row.length)
  for (let at = 0; at < row.length; at++) out[at] = from[row[at] ?? -1] ?? 0
  return out
}

function operationsOf({ operation, operations }: SpanRows, row: Int32Array): Pick<Columns, 'operation' | 'operations'> {
  const numbers = new Int32Array(operations.length).fill(-1)
  const named: (readonly [string, string])[] = []
  const out = row.map((from) => {
    const of = operation[from] ?? -1
    const name = operations[of]
    if (name === undefined) return -1
    if (numbers[of] === -1) numbers[of] = named.push(name) - 1
    return at0(numbers, of)
  })
  return { operation: out, operations: named }
}

function endsOf(parent: Int32Array): Int32Array {
  const end = Int32Array.from(parent.keys(), (node) => node + 1)
  for (let node = parent.length - 1; node >= 0; node--) {
    const up = at0(parent, node)
    if (up >= 0 && at0(end, node) > at0(end, up)) end[up] = at0(end, node)
  }
  return end
}

function criticalOf({ first, from, to }: Critical, row: Int32Array, count: number): Critical {
  const out = { first: new Int32Array(count + 1), from: new Float64Array(from.length), to: new Float64Array(to.length) }
  let many = 0
  for (let node = 0; node < count; node++) {
    const of = at0(row, node)
    for (let at = of < 0 ? 0 : at0(first, of); at < (of < 0 ? 0 : at0(first, of + 1)); at++) {
      out.from[many] = at0(from, at)
      out.to[many++] = at0(to, at)
    }
    out.first[node + 1] = many
  }
  return out
}

// ------------------------------------------------------------------------------------------ ids

export function writeId(ids: Uint32Array, at: number, id: string): void {
  ids[2 * at] = Number.parseInt(id.slice(0, 8), 16)
  ids[2 * at + 1] = Number.parseInt(id.slice(8), 16)
}

const digits = (half: number): string => half.toString(16).padStart(8, '0')
export const readId = (ids: Uint32Array, at: number): string => digits(at0(ids, 2 * at)) + digits(at0(ids, 2 * at + 1))

/**
 * Ids may differ in any of their bits alone, and the last ones choose the slot: murmur3's mixing brings all down to these. The
 * seed is another each time, so that nobody can send ids that all want the same slot.
 */
function hashOf(high: number, low: number, seed: number): number {
  let hash = Math.imul(high ^ seed, 0x9e3779b1) ^ (low + seed)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Open addressing: a map of a million texts would take ten times as much, and a second to fill. */
function idTable(ids: Uint32Array): Pick<Columns, 'table' | 'seed'> {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const many = ids.length / 2
  const table = new Int32Array(2 ** Math.ceil(Math.log2(2 * many + 2)))
  const mask = table.length - 1
  for (let at = 0; at < many; at++) {
    let slot = hashOf(at0(ids, 2 * at), at0(ids, 2 * at + 1), seed) & mask
    while (at0(table, slot) !== 0) slot = (slot + 1) & mask
    table[slot] = at + 1
  }
  return { table, seed }
}

/** The place of an id in the columns, of nodes or behind them; -1 where it is not there. */
export function placeOf({ ids, table, seed }: Pick<Columns, 'ids' | 'table' | 'seed'>, id: string): number {
  if (!/^[0-9a-f]{16}$/.test(id)) return -1
  const [high, low] = [Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8), 16)]
  const mask = table.length - 1
  for (let slot = hashOf(high, low, seed) & mask; ; slot = (slot + 1) & mask) {
    const at = at0(table, slot) - 1
    if (at < 0) return -1
    if (ids[2 * at] === high && ids[2 * at + 1] === low) return at
  }
}
