import {
  Batch,
  batchType,
  Column,
  columnFromArray,
  dictionary,
  fixedSizeBinary,
  int32,
  int64,
  list,
  tableFromColumns,
  tableToIPC,
  utf8,
  type DataType,
} from '@uwdata/flechette'
import type { SkeletonHead } from '../types.ts'
import type { RebuiltTrace } from './rebuild.ts'

/** IANA's name of the form (Arrow IPC streaming format). */
export const arrowStream = 'application/vnd.apache.arrow.stream'

/** Bits of the column `flags`. */
const flag = { error: 1, invalidTimes: 2, cyclic: 4 } as const

/**
 * A trace without what was sent in its spans besides names and times (docs/large-traces.md has the columns), as an Arrow IPC
 * stream of one record batch, in pieces: a million spans are some 60 MB, none of it copied on the way out.
 */
export function skeletonArrow(rebuilt: RebuiltTrace): Uint8Array[] {
  const pieces: Uint8Array[] = []
  const table = tableFromColumns(columnsOf(rebuilt))
  const head: SkeletonHead = { ...rebuilt.figures, missingParents: [...rebuilt.tree.missing.keys()] }
  Object.assign(table.schema, { metadata: new Map([['weft.trace', JSON.stringify(head)]]) })
  const sink = {
    write: (bytes: Uint8Array) => void pieces.push(bytes),
    pad: (count: number) => void pieces.push(new Uint8Array(count)),
    finish: () => null,
  }
  tableToIPC(table, { format: 'stream', sink })
  return pieces
}

function columnsOf(rebuilt: RebuiltTrace): [string, Column<unknown>][] {
  const { tree, spans, figures } = rebuilt
  const many = spans.size
  const ids = Buffer.alloc(8 * many)
  const [service, name] = [new Texts(many), new Texts(many)]
  const kind = new Int32Array(many)
  const [start, duration, self] = [new BigUint64Array(many), new BigUint64Array(many), new BigUint64Array(many)]
  const flags = new Uint8Array(many)
  // What few traces have is told of these alone.
  const skew = figures.clockSkews.length > 0 ? new BigInt64Array(many) : undefined
  const shift = figures.clocks === 'corrected' ? new BigInt64Array(many) : undefined
  const foldedInto = figures.proxies === 'folded' ? new Int32Array(many).fill(-1) : undefined
  const copies = figures.duplicatesRemoved > 0 ? new Uint32Array(many) : undefined
  const folded: { readonly at: number; readonly into: string }[] = []
  let at = 0
  for (const of of spans.values()) {
    const { span } = of
    ids.write(span.spanId, 8 * at, 'hex')
    service.set(at, span.service)
    name.set(at, span.name)
    kind[at] = span.kind
    start[at] = span.start > 0n ? span.start : 0n
    duration[at] = span.duration
    self[at] = of.selfTime
    flags[at] = (span.error ? flag.error : 0) | (span.invalidTimes ? flag.invalidTimes : 0)
    if (skew !== undefined) skew[at] = of.skew ?? 0n
    if (shift !== undefined) shift[at] = of.shift
    if (copies !== undefined) copies[at] = span.copies
    if (of.foldedInto !== '') folded.push({ at, into: of.foldedInto })
    at++
  }
  for (const index of tree.cyclic) flags[index] = (flags[index] ?? 0) | flag.cyclic
  if (foldedInto !== undefined) fillFolded(foldedInto, folded, rebuilt)
  const optional = { skew_nano: skew, shift_nano: shift, folded_into: foldedInto, copies }
  return [
    ['span_id', column(fixedSizeBinary(8), many, { values: ids })],
    ['parent', columnFromArray(parentsOf(rebuilt))],
    ['service', service.column()],
    ['name', name.column()],
    ['kind', columnFromArray(kind)],
    ['start_time_unix_nano', columnFromArray(start)],
    ['duration_nano', columnFromArray(duration)],
    ['self_time_nano', columnFromArray(self)],
    ['flags', columnFromArray(flags)],
    ['critical_path', criticalPath(rebuilt)],
    ...Object.entries(optional).flatMap(([key, values]): [string, Column<unknown>][] =>
      values === undefined ? [] : [[key, columnFromArray(values)]],
    ),
  ]
}

/** Rows of the parents; of a parent that has not arrived -2 - its place among those. */
function parentsOf({ tree, spans }: RebuiltTrace): Int32Array {
  const parents = new Int32Array(spans.size).fill(-1)
  parents.set(tree.parent)
  for (const [place, children] of [...tree.missing.values()].entries()) {
    for (const child of children) parents[child] = -2 - place
  }
  return parents
}

function fillFolded(
  column: Int32Array,
  folded: readonly { readonly at: number; readonly into: string }[],
  { tree }: RebuiltTrace,
): void {
  const rows = new Map(tree.spans.map(({ spanId }, row) => [spanId, row]))
  for (const { at, into } of folded) column[at] = rows.get(into) ?? -1
}

/** Of each span the stretches that the trace's duration hangs on it: start, end, start, end, … */
function criticalPath({ tree, path, spans }: RebuiltTrace): Column<unknown> {
  const offsets = new Int32Array(spans.size + 1)
  for (const { span } of path) offsets[span + 1] = (offsets[span + 1] ?? 0) + 2
  for (let row = 0; row < spans.size; row++) offsets[row + 1] = (offsets[row + 1] ?? 0) + (offsets[row] ?? 0)
  const next = offsets.slice(0, tree.spans.length)
  const values = new BigInt64Array(2 * path.length)
  for (const { span, start, end } of path) {
    const place = next[span] ?? 0
    values[place] = start
    values[place + 1] = end
    next[span] = place + 2
  }
  return column(list(int64()), spans.size, { offsets, children: [batch(int64(), values.length, { values })] })
}

/** A column of texts of which few differ. */
class Texts {
  readonly #indexes: Int32Array
  readonly #places = new Map<string, number>()
  constructor(many: number) {
    this.#indexes = new Int32Array(many)
  }
  set(at: number, text: string): void {
    let place = this.#places.get(text)
    if (place === undefined) this.#places.set(text, (place = this.#places.size))
    this.#indexes[at] = place
  }
  column(): Column<unknown> {
    const text = utf8()
    const made = batch(dictionary(text, int32()), this.#indexes.length, { values: this.#indexes })
    // What the library's type does not know of its batches of dictionaries.
    ;(made as unknown as { setDictionary(texts: Column<unknown>): void }).setDictionary(
      columnFromArray([...this.#places.keys()], text),
    )
    return new Column([made])
  }
}

type Buffers = Partial<ConstructorParameters<typeof Batch>[0]>

function batch(type: DataType, length: number, buffers: Buffers): Batch<unknown> {
  const Made = batchType(type) as typeof Batch
  return new Made({ length, nullCount: 0, type, validity: new Uint8Array(0), ...buffers })
}

const column = (type: DataType, length: number, buffers: Buffers): Column<unknown> =>
  new Column([batch(type, length, buffers)])
