import { tableFromIPC, type Column } from '@uwdata/flechette'
import type { SkeletonHead } from '../../../query-api/types.ts'
import { flag, type Critical, type SpanRows } from './columns.ts'

/** Reads a large trace's answer (docs/large-traces.md). */
export function rowsFromArrow(bytes: ArrayBuffer): { head: SkeletonHead; rows: SpanRows } {
  const table = tableFromIPC(bytes)
  const json = table.schema.metadata?.get('weft.trace')
  if (json === undefined) throw new Error('The answer is no trace.')
  const head = JSON.parse(json) as SkeletonHead
  const begin = BigInt(head.startTimeUnixNano)
  const many = table.numRows
  const column = (name: string): Column<unknown> => {
    const found = table.getChild(name) as Column<unknown> | undefined
    if (found === undefined) throw new Error(`The answer has no column ${name}.`)
    return found
  }
  const has = (name: string): boolean => table.getChild(name) !== undefined
  // The answer is one record batch: its buffers are the columns.
  const values = <Values>(name: string): Values => column(name).data[0]?.values as Values
  const floats = (name: string, of: (nanos: bigint) => number = Number): Float64Array =>
    mapped(values<BigInt64Array | BigUint64Array>(name), many, of)
  const optional = (name: string): Float64Array | undefined => (has(name) ? floats(name) : undefined)
  return {
    head,
    rows: {
      many,
      ids: halves(values<Uint8Array>('span_id'), many),
      parent: values('parent'),
      missing: head.missingParents,
      foldedInto: has('folded_into') ? values('folded_into') : undefined,
      start: floats('start_time_unix_nano', (at) => (at === 0n ? 0 : Number(at - begin))),
      duration: floats('duration_nano'),
      self: floats('self_time_nano'),
      kind: values('kind'),
      flags: values<Uint8Array>('flags').map((of) => of & (flag.error | flag.invalidTimes | flag.cyclic)),
      ...operationsOf(column('service'), column('name'), many),
      skew: optional('skew_nano'),
      shift: optional('shift_nano'),
      copies: has('copies') ? values('copies') : undefined,
      critical: criticalOf(column('critical_path'), begin),
    },
  }
}

function mapped(from: BigInt64Array | BigUint64Array, many: number, of: (nanos: bigint) => number): Float64Array {
  const out = new Float64Array(many)
  for (let row = 0; row < many; row++) out[row] = of(from[row] ?? 0n)
  return out
}

function halves(bytes: Uint8Array, many: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const ids = new Uint32Array(2 * many)
  for (let half = 0; half < 2 * many; half++) ids[half] = view.getUint32(4 * half)
  return ids
}

function operationsOf(
  service: Column<unknown>,
  name: Column<unknown>,
  many: number,
): Pick<SpanRows, 'operation' | 'operations'> {
  const [services, names] = [textsOf(service), textsOf(name)]
  const places = new Map<number, number>()
  const operations: (readonly [string, string])[] = []
  const operation = new Int32Array(many)
  for (let row = 0; row < many; row++) {
    const [at, nameAt] = [services.indexes[row] ?? 0, names.indexes[row] ?? 0]
    const key = at * names.texts.length + nameAt
    let place = places.get(key)
    if (place === undefined) {
      place = operations.push([services.texts[at] ?? '', names.texts[nameAt] ?? '']) - 1
      places.set(key, place)
    }
    operation[row] = place
  }
  return { operation, operations }
}

/** A column of texts by a dictionary. */
function textsOf({ data: [batch] }: Column<unknown>): { indexes: Int32Array; texts: readonly string[] } {
  // What the library's type does not know of its batches of dictionaries.
  const { values, dictionary } = batch as unknown as { values: Int32Array; dictionary: Column<string> }
  return { indexes: values, texts: dictionary.toArray() as string[] }
}

function criticalOf({ data: [batch] }: Column<unknown>, begin: bigint): Critical {
  const offsets = batch?.offsets as Int32Array
  const times = batch?.children?.[0]?.values as BigInt64Array
  const many = (offsets.at(-1) ?? 0) / 2
  const [from, to] = [new Float64Array(many), new Float64Array(many)]
  for (let at = 0; at < many; at++) {
    from[at] = Number((times[2 * at] ?? 0n) - begin)
    to[at] = Number((times[2 * at + 1] ?? 0n) - begin)
  }
  return { first: offsets.map((offset) => offset / 2), from, to }
}
