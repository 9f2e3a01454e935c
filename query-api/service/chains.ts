import { AppError } from '../../base/errors.ts'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { quantileOf } from '../questions/quantile.ts'
import { windowParams } from '../questions/spans.ts'
import { parseField } from '../traceql/parse.ts'
import type { Expression, Pipeline, SpanFilter } from '../traceql/syntax.ts'
import { atOnce, maxCandidates, Trees, type Left, type Tree } from '../traceql/trees.ts'
import { planOf } from '../traceql/walk.ts'
import { foldingOf } from '../questions/proxies.ts'
import type { CallChain, CallChainsAnswer, ChainStep, Proxies } from '../types.ts'

const maxChains = 500

interface Asked {
  readonly from: string
  readonly to: string
  /** What tells chains apart: their services, or these with the operation that each was entered by. */
  readonly by: 'services' | 'operations'
  readonly proxies?: Proxies | undefined
}

/**
 * The chains of calls from one service to another: what `{ from } >> { to }` finds, from the traces of a window, newest
 * first. A chain begins with the request of `from` that is nearest above, and ends where a call enters `to`; spans of one
 * service that follow each other are one step. Both ends start in the window; parents are followed, not links. Throws
 * BAD_INPUT where both are the same.
 *
 * @param mostTraces so many are looked at
 */
export async function callChains(
  asker: Asker,
  window: TimeWindow,
  { proxies, ...asked }: Asked,
  mostTraces = 5000,
): Promise<CallChainsAnswer> {
  if (asked.from === asked.to) throw new AppError('BAD_INPUT', 'from and to must be two services')
  const folding = await foldingOf(asker, window, undefined, proxies ?? 'folded')
  const namesOf = (name: string) => folding?.namesOf(name) ?? [name]
  const ownerOf = (name: string) => folding?.owners.get(name) ?? name
  const pipeline = descendants(namesOf(asked.from), namesOf(asked.to))
  const plan = { ...planOf(pipeline), groups: [service, operation, status] }
  const trees = await Trees.open(asker, pipeline, plan, window)
  const candidates = await trees.candidates('start_ns')
  const chains = new Map<string, Chain>()
  let traces = 0
  for (let at = 0; at < Math.min(candidates.length, mostTraces); at += atOnce) {
    for (const left of await trees.look(candidates.slice(at, Math.min(at + atOnce, mostTraces)))) {
      if (addTo(chains, left, asked, ownerOf)) traces += 1
    }
  }
  const busiest = [...chains.entries()].sort(([a, one], [b, other]) => other.calls - one.calls || (a < b ? -1 : 1))
  return {
    ...windowParams(window),
    ...asked,
    chains: busiest.slice(0, maxChains).map(([, chain]) => chain.told()),
    more: busiest.length > maxChains,
    traces,
    tracesLookedAt: Math.min(candidates.length, mostTraces),
    tracesOfBoth: candidates.length,
    moreTraces: candidates.length === maxCandidates,
  }
}

const nowhere = { start: 0, end: 0 }
const service = parseField('resource.service.name')
const operation = parseField('name')
const status = parseField('status')
/** Columns of a tree's groups. */
const columns = { service: 0, operation: 1, status: 2 } as const

/** `{ from } &>> { to }`: spans of `to` below one of `from`, and these; of each under any of its names. */
function descendants(from: readonly string[], to: readonly string[]): Pipeline {
  const named = (value: string): Expression => ({
    kind: 'binary',
    operator: '=',
    left: service,
    right: { kind: 'literal', type: 'string', value, place: nowhere },
    place: nowhere,
  })
  const of = (names: readonly string[]): SpanFilter => ({
    kind: 'filter',
    condition: names
      .map(named)
      .reduce((left, right): Expression => ({ kind: 'binary', operator: '||', left, right, place: nowhere })),
    place: nowhere,
  })
  const both = { kind: 'spansets', operator: '&>>', left: of(from), right: of(to), place: nowhere } as const
  return { kind: 'pipeline', stages: [both], place: nowhere }
}

/** Adds the chains of one trace; false where it has none. */
function addTo(
  chains: Map<string, Chain>,
  { trace, spansets }: Left,
  { from, to, by }: Asked,
  ownerOf: (service: string) => string,
): boolean {
  const { parents } = trace.columns()
  const found = new Set(spansets.flat())
  const text = (column: keyof typeof columns, row: number): string => trace.groups[columns[column]]?.[row]?.text ?? ''
  const serviceAt = (row: number): string => ownerOf(text('service', row))
  let any = false
  for (const end of found) {
    if (serviceAt(end) !== to || serviceAt(parents[end] ?? -1) === to) continue
    const entered = entriesAbove(end, parents, serviceAt, from)
    const [begin] = entered
    if (begin === undefined || !found.has(begin)) continue
    const steps = entered.map((row): ChainStep => ({
      service: serviceAt(row),
      operation: by === 'operations' ? text('operation', row) : null,
    }))
    const key = JSON.stringify(steps)
    let chain = chains.get(key)
    if (chain === undefined) chains.set(key, (chain = new Chain(steps)))
    chain.add(trace, begin, end, text('status', end) === 'error')
    any = true
  }
  return any
}

/** From the nearest service `from` above a row down to it, the row by which each service was entered; [] where there is none. */
function entriesAbove(
  end: number,
  parents: Int32Array,
  serviceOf: (row: number) => string,
  from: string,
): readonly number[] {
  const entries = [end]
  const seen = new Set(entries)
  for (let at = parents[end] ?? -1; at >= 0 && !seen.has(at); at = parents[at] ?? -1) {
    seen.add(at)
    const [last = end] = entries
    if (serviceOf(at) === serviceOf(last)) entries[0] = at
    else if (serviceOf(last) === from) return entries
    else entries.unshift(at)
  }
  return serviceOf(entries[0] ?? end) === from ? entries : []
}

class Chain {
  readonly #steps: readonly ChainStep[]
  readonly #traces = new Set<string>()
  /** Requests of the first service, each once however often it calls on. */
  readonly #begins = new Map<string, number>()
  readonly #durations: number[] = []
  #errors = 0
  #slowest = { traceId: '', spanId: '', nanos: -1 }

  constructor(steps: readonly ChainStep[]) {
    this.#steps = steps
  }

  get calls(): number {
    return this.#durations.length
  }

  add(trace: Tree, begin: number, end: number, failed: boolean): void {
    const nanos = Number(trace.durations[end] ?? 0n)
    const { traceId, spanIds } = trace
    this.#traces.add(traceId)
    this.#begins.set(`${traceId} ${spanIds[begin]}`, Number(trace.durations[begin] ?? 0n))
    this.#durations.push(nanos)
    if (failed) this.#errors += 1
    if (nanos > this.#slowest.nanos) this.#slowest = { traceId, spanId: spanIds[end] ?? '', nanos }
  }

  told(): CallChain {
    const sorted = this.#durations.toSorted((a, b) => a - b)
    const percentile = (level: number): string => String(quantileOf(sorted, level) ?? 0)
    const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0)
    return {
      steps: [...this.#steps],
      calls: sorted.length,
      errors: this.#errors,
      traces: this.#traces.size,
      p50: percentile(0.5),
      p90: percentile(0.9),
      p99: percentile(0.99),
      totalNanos: sum(sorted),
      fromTotalNanos: sum(this.#begins.values()),
      slowestTraceId: this.#slowest.traceId,
      slowestSpanId: this.#slowest.spanId,
    }
  }
}
