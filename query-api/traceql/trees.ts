import type { TimeWindow } from '../http/times.ts'
import { all, stream, type Asker } from '../questions/ask.ts'
import { around, aroundParams, inTraces, inWindow, spanIdHex, windowParams } from '../questions/spans.ts'
import type { TypedValue } from '../types.ts'
import { compiled } from './compiled.ts'
import { TraceqlError } from './error.ts'
import type { Conditions } from './sql.ts'
import type { Pipeline } from './syntax.ts'
import { readValue, Values } from './values.ts'
import { required, walk, type Plan, type Rows, type TraceRows } from './walk.ts'

/** Bits of a span's mask. */
const maxFilters = 31
/** Traces that are candidates. */
export const maxCandidates = 50_000
/** Candidates that are looked at together. */
export const atOnce = 500
/** Rows of their traces. */
const maxRows = 2_000_000

/** A trace that has spans of all that a pipeline needs. */
export interface Candidate {
  readonly traceId: string
  /** Of its best span that fits any filter. */
  readonly best: bigint
}

/** A trace in which a pipeline leaves spansets: rows of its columns. */
export interface Left {
  readonly trace: Tree
  readonly spansets: readonly Rows[]
}

/**
 * Decides a pipeline about whole traces: first the traces that have spans of all that is needed, then their trees. A span
 * matches that starts in the window; the tree that it stands in is the whole trace, within an hour of the window.
 */
export class Trees {
  readonly #asker: Asker
  readonly #pipeline: Pipeline
  readonly #plan: Plan
  readonly #window: TimeWindow
  readonly #conditions: Conditions
  readonly #mask: string
  readonly #any: string

  /** Throws TraceqlError. */
  static async open(asker: Asker, pipeline: Pipeline, plan: Plan, window: TimeWindow): Promise<Trees> {
    const beyond = plan.filters[maxFilters]
    if (beyond !== undefined) throw new TraceqlError(`a query has at most ${maxFilters} pairs of braces`, beyond.place)
    const filters = plan.filters.map(({ condition }) => condition)
    const conditions = await compiled(asker, window, filters)
    const masks = filters.map((condition) => conditions.condition(condition))
    return new Trees(asker, pipeline, plan, window, conditions, masks)
  }

  private constructor(
    asker: Asker,
    pipeline: Pipeline,
    plan: Plan,
    window: TimeWindow,
    conditions: Conditions,
    masks: readonly string[],
  ) {
    this.#asker = asker
    this.#pipeline = pipeline
    this.#plan = plan
    this.#window = window
    this.#conditions = conditions
    this.#any = masks.length === 0 ? 'true' : masks.map((mask) => `(${mask})`).join(' OR ')
    this.#mask = ['toUInt32(0)', ...masks.map((condition, bit) => `if(${condition}, toUInt32(${2 ** bit}), 0)`)].join(
      ' + ',
    )
  }

  /** At most `maxCandidates`, those with the greatest value in a column of any of their matching spans first. */
  candidates(by: 'start_ns' | 'duration_ns'): Promise<Candidate[]> {
    return all(this.#asker, {
      name: 'traceql_candidates',
      sql: `SELECT lower(hex(trace_id)), best FROM (
          SELECT trace_id, groupBitOr(${this.#mask}) AS bits, max(${by}) AS best
          FROM spans WHERE ${inWindow} AND (${this.#any}) GROUP BY trace_id
        ) WHERE ${required(this.#plan, this.#pipeline)} ORDER BY best DESC, trace_id LIMIT ${maxCandidates}`,
      params: this.#params(),
      maxRows: maxCandidates,
      decode: (row) => ({ traceId: String(row[0]), best: BigInt(String(row[1])) }),
    })
  }

  /** Those of the candidates in which something is left. */
  async look(candidates: readonly Candidate[]): Promise<Left[]> {
    const { numbers, groups } = this.#plan
    const values = new Values(this.#conditions)
    const columns = [
      'lower(hex(trace_id))',
      spanIdHex('span_id'),
      spanIdHex('parent_span_id'),
      'start_ns',
      'duration_ns',
      `if(start_ns >= {start:UInt64} AND start_ns < {end:UInt64}, ${this.#mask}, 0)`,
      ...numbers.map((number) => this.#conditions.number(number)),
      ...groups.map((group) => values.value(group)),
    ]
    const batches = stream(this.#asker, {
      name: 'traceql_trees',
      sql: `SELECT ${columns.join(', ')} FROM spans ${values.joins}
        WHERE ${around} AND ${inTraces}`,
      params: { ...this.#params(), traceIds: candidates.map(({ traceId }) => traceId) },
      maxRows,
      decode: (row) => row,
    })
    const traces = new Map<string, Tree>()
    for await (const batch of batches) {
      for (const row of batch) {
        const traceId = String(row[0])
        let tree = traces.get(traceId)
        if (tree === undefined) traces.set(traceId, (tree = new Tree(traceId, numbers.length, groups.length)))
        tree.add(row)
      }
    }
    return [...traces.values()].flatMap((trace): Left[] => {
      const spansets = walk(this.#plan, this.#pipeline, trace.columns())
      return spansets.length === 0 ? [] : [{ trace, spansets }]
    })
  }

  // Conditions bind as they are compiled: asked for when all are.
  #params(): Record<string, string> {
    return {
      ...this.#conditions.params,
      ...windowParams(this.#window),
      ...aroundParams(this.#window),
    }
  }
}

/** One trace as its rows come; of copies of a span the first. */
export class Tree {
  readonly traceId: string
  readonly spanIds: string[] = []
  readonly starts: bigint[] = []
  readonly durations: bigint[] = []
  /** One column for each of the plan's. */
  readonly numbers: readonly number[][]
  readonly groups: readonly (TypedValue | undefined)[][]
  readonly #parentIds: string[] = []
  readonly #masks: number[] = []
  readonly #rowOf = new Map<string, number>()

  constructor(traceId: string, numbers: number, groups: number) {
    this.traceId = traceId
    this.numbers = Array.from({ length: numbers }, () => [])
    this.groups = Array.from({ length: groups }, () => [])
  }

  add(row: readonly unknown[]): void {
    const spanId = String(row[1])
    if (this.#rowOf.has(spanId)) return
    this.#rowOf.set(spanId, this.spanIds.push(spanId) - 1)
    this.#parentIds.push(String(row[2]))
    this.starts.push(BigInt(String(row[3])))
    this.durations.push(BigInt(String(row[4])))
    this.#masks.push(Number(row[5]))
    let at = 6
    for (const column of this.numbers) column.push(Number(row[at++] ?? Number.NaN))
    for (const column of this.groups) column.push(readValue(row[at++]))
  }

  columns(): TraceRows {
    return {
      parents: Int32Array.from(this.#parentIds, (id, row) => {
        const parent = this.#rowOf.get(id) ?? -1
        // Nobody is its own parent.
        return parent === row ? -1 : parent
      }),
      masks: Uint32Array.from(this.#masks),
      numbers: this.numbers.map((column) => Float64Array.from(column)),
      groups: this.groups,
    }
  }
}
