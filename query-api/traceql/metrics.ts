import { all, type Asker } from '../questions/ask.ts'
import type { Condition } from '../questions/filters.ts'
import { aroundParams, spanIdHex } from '../questions/spans.ts'
import { quantileOf } from '../questions/quantile.ts'
import type { Steps } from '../questions/steps.ts'
import type { MetricLabel, MetricsAnswer, TypedValue } from '../types.ts'
import { compare } from './compare.ts'
import { TraceqlError } from './error.ts'
import { filterCondition, onlyFilter } from './run.ts'
import { best, filtered, Series, type Exemplar } from './series.ts'
import { thatMatch } from './spans.ts'
import { Conditions } from './sql.ts'
import type { Field, OverTime, Pipeline, Query } from './syntax.ts'
import { atOnce, maxCandidates, type Tree, Trees } from './trees.ts'
import { keyOf, readValue, Values } from './values.ts'
import { planOf, union } from './walk.ts'

/** The figures of one step of one series. */
interface Cell {
  readonly step: number
  readonly by: readonly (TypedValue | undefined)[]
  readonly spans: number
  /** One for each quantile, else one; in seconds where they are durations. */
  readonly values: readonly number[]
  readonly exemplar?: Exemplar
}

/** Figures of all series together. */
const maxCells = 200_000
const maxSeries = 1_000

/**
 * The figures that a query asks for, at each step. Quantiles are exact: the value at index floor(p·n) of the n sorted ones.
 * A query of one filter counts every span of the steps; of whole traces at most `maxCandidates` are looked at (`cut`).
 *
 * @param text of the query: its fields are labels as they are written
 * @param exemplars of all series together, at most
 * Throws TraceqlError.
 */
export async function metrics(
  asker: Asker,
  text: string,
  { pipeline, metrics: asked }: Query,
  steps: Steps,
  exemplars = 0,
): Promise<MetricsAnswer> {
  if (asked === undefined) {
    throw new TraceqlError('this finds spans; figures over time come after it: | rate()', pipeline.place)
  }
  const filter = onlyFilter(pipeline)
  const where = filter && thatMatch(await filterCondition(asker, filter, steps.window), steps.window)
  const { first } = asked
  let cut = false
  let series: Series[]
  if (first.kind === 'compare') {
    if (where === undefined) throw new TraceqlError('before compare() stands one pair of braces', pipeline.place)
    series = await compare(asker, where, first, steps)
  } else {
    let cells: readonly Cell[]
    if (where !== undefined) cells = await cellsOfSpans(asker, where, first, steps, exemplars > 0)
    else ({ cells, cut } = await cellsOfTraces(asker, pipeline, first, steps, exemplars > 0))
    if (cells.length > maxCells) {
      throw new TraceqlError(
        `more than ${maxCells} figures: take longer steps, or fewer fields to group by`,
        first.place,
      )
    }
    series = seriesOf(cells, first, text, steps)
  }
  for (const stage of asked.after) series = stage.kind === 'valueFilter' ? filtered(series, stage) : best(series, stage)
  series.sort((a, b) => b.spans - a.spans || (a.key < b.key ? -1 : 1))
  const told = series.slice(0, maxSeries)
  keepLargest(told, exemplars)
  return {
    start: steps.window.start.toString(),
    end: steps.window.end.toString(),
    step: steps.length.toString(),
    times: Array.from({ length: steps.count }, (_, at) => steps.end(at).toString()),
    series: told.map((one) => one.answer()),
    more: series.length > told.length,
    cut,
  }
}

/** All cells of a filter, by the store. */
async function cellsOfSpans(
  asker: Asker,
  where: Condition,
  asked: OverTime,
  steps: Steps,
  exemplars: boolean,
): Promise<Cell[]> {
  const conditions = new Conditions(undefined, 'm')
  const values = new Values(conditions)
  const by = asked.by.map((field) => values.value(field))
  if (isHistogram(asked)) by.push("[tuple('string', if(v > 0, toString(ceil(log2(v))), ''))]")
  const scale = scaleOf(asked.of)
  const rows = await all(asker, {
    name: 'traceql_metrics',
    sql: `SELECT step, labels, count() AS spans, countIf(NOT isNaN(v)) AS measured, ${valuesSql(asked)} AS figures
        ${exemplars ? `, argMax(tuple(trace_id, span_id, start_ns, if(isNaN(v), toFloat64(duration_ns), v)), if(isNaN(v), toFloat64(duration_ns), v)) AS e, lower(hex(e.1)), ${spanIdHex('e.2')}, e.3, e.4` : ''}
      FROM (
        SELECT trace_id, span_id, start_ns, duration_ns, ${steps.sql} AS step, [${by.join(', ')}] AS labels,
          ${asked.of === undefined ? 'nan' : conditions.number(asked.of)} AS v
        FROM spans ${values.joins} WHERE ${where.sql}
      ) GROUP BY step, labels LIMIT ${maxCells + 1}`,
    params: { ...where.params, ...conditions.params, ...aroundParams(steps.window) },
    maxRows: maxCells + 1,
    decode: (row): Cell & { readonly measured: number } => ({
      step: Number(row[0]),
      by: withBucket(asked, (row[1] as readonly unknown[]).map(readValue)),
      spans: Number(row[2]),
      measured: Number(row[3]),
      values: (row[4] as readonly unknown[]).map((value) => Number(value) / (isHistogram(asked) ? 1 : scale)),
      ...(exemplars && {
        exemplar: {
          traceId: String(row[6]),
          spanId: String(row[7]),
          start: BigInt(String(row[8])),
          value: exemplarValue(asked, Number(row[9])),
        },
      }),
    }),
  })
  return rows.filter(({ measured }) => counts(asked) || measured > 0)
}

/** The same of what a pipeline leaves of whole traces. */
async function cellsOfTraces(
  asker: Asker,
  pipeline: Pipeline,
  asked: OverTime,
  steps: Steps,
  exemplars: boolean,
): Promise<{ cells: Cell[]; cut: boolean }> {
  const plan = planOf(pipeline)
  const [firstNumber, firstGroup] = [plan.numbers.length, plan.groups.length]
  const wider = {
    ...plan,
    numbers: [...plan.numbers, ...(asked.of === undefined ? [] : [asked.of])],
    groups: [...plan.groups, ...asked.by],
  }
  const trees = await Trees.open(asker, pipeline, wider, steps.window)
  const candidates = await trees.candidates('start_ns')
  const scale = scaleOf(asked.of)
  const found = new Map<string, Gathered>()
  for (let at = 0; at < candidates.length; at += atOnce) {
    for (const { trace, spansets } of await trees.look(candidates.slice(at, at + atOnce))) {
      for (const row of union(spansets)) {
        const step = steps.at(trace.starts[row] ?? 0n)
        const number = asked.of === undefined ? Number.NaN : (trace.numbers[firstNumber]?.[row] ?? Number.NaN)
        const by = asked.by.map((_, place) => trace.groups[firstGroup + place]?.[row])
        if (isHistogram(asked))
          by.push({ type: 'string', text: number > 0 ? String(Math.ceil(Math.log2(number))) : '' })
        const key = JSON.stringify([step, ...by.map(keyOf)])
        let cell = found.get(key)
        if (cell === undefined) found.set(key, (cell = { step, by, spans: 0, numbers: [] }))
        cell.spans++
        if (!Number.isNaN(number)) cell.numbers.push(number / scale)
        if (exemplars) cell.exemplar = greater(cell.exemplar, exemplarOf(trace, row, asked, number))
      }
      if (found.size > maxCells) break
    }
  }
  const cells = [...found.values()]
    .filter(({ numbers }) => counts(asked) || numbers.length > 0)
    .map(({ step, by, spans, numbers, exemplar }) => ({
      step,
      by: withBucket(asked, by),
      spans,
      values: valuesOf(asked, spans, numbers),
      ...(exemplar && { exemplar }),
    }))
  return { cells, cut: candidates.length === maxCandidates }
}

/** A cell while traces are looked at. */
interface Gathered {
  readonly step: number
  readonly by: Cell['by']
  spans: number
  readonly numbers: number[]
  exemplar?: Exemplar
}

function exemplarOf(trace: Tree, row: number, asked: OverTime, number: number): Exemplar {
  return {
    traceId: trace.traceId,
    spanId: trace.spanIds[row] ?? '',
    start: trace.starts[row] ?? 0n,
    value: exemplarValue(asked, Number.isNaN(number) ? Number(trace.durations[row] ?? 0n) : number),
  }
}

const greater = (a: Exemplar | undefined, b: Exemplar): Exemplar => (a !== undefined && a.value >= b.value ? a : b)

/** Of what is counted the duration. */
const exemplarValue = (asked: OverTime, value: number): number =>
  value / (asked.of === undefined ? 1e9 : scaleOf(asked.of))

const isHistogram = (asked: OverTime): boolean => asked.function === 'histogram_over_time'

/** A histogram's cells come by the power of two that their values reach: it becomes the bucket's upper edge. */
function withBucket(asked: OverTime, by: readonly (TypedValue | undefined)[]): readonly (TypedValue | undefined)[] {
  if (!isHistogram(asked)) return by
  const power = by.at(-1)?.text ?? ''
  const edge = power === '' ? 0 : 2 ** Number(power) / scaleOf(asked.of)
  return [...by.slice(0, -1), { type: 'double', text: String(edge) }]
}

const counts = ({ of }: OverTime): boolean => of === undefined
const isDuration = (of: Field | undefined): boolean => of?.kind === 'intrinsic' && of.name === 'span:duration'
/** Durations are told in seconds, all else as it is. */
const scaleOf = (of: Field | undefined): number => (isDuration(of) ? 1e9 : 1)

function valuesSql(asked: OverTime): string {
  const of = (name: string): string => `[${name}If(v, NOT isNaN(v))]`
  switch (asked.function) {
    case 'rate':
    case 'count_over_time':
      return '[toFloat64(count())]'
    case 'histogram_over_time':
      return '[toFloat64(countIf(NOT isNaN(v)))]'
    case 'min_over_time':
      return of('min')
    case 'max_over_time':
      return of('max')
    case 'avg_over_time':
      return of('avg')
    case 'sum_over_time':
      return of('sum')
    case 'quantile_over_time':
      return `quantilesExactIf(${asked.quantiles.join(', ')})(v, NOT isNaN(v))`
  }
}

function valuesOf(asked: OverTime, spans: number, numbers: readonly number[]): number[] {
  const sum = (): number => numbers.reduce((total, number) => total + number, 0)
  switch (asked.function) {
    case 'rate':
    case 'count_over_time':
      return [spans]
    case 'histogram_over_time':
      return [numbers.length]
    case 'min_over_time':
      return [numbers.reduce((a, b) => Math.min(a, b))]
    case 'max_over_time':
      return [numbers.reduce((a, b) => Math.max(a, b))]
    case 'avg_over_time':
      return [sum() / numbers.length]
    case 'sum_over_time':
      return [sum()]
    case 'quantile_over_time': {
      const sorted = Float64Array.from(numbers).sort()
      return asked.quantiles.map((p) => quantileOf(sorted, p) ?? Number.NaN)
    }
  }
}

/** The cells as series, labelled as the query writes their fields. */
function seriesOf(cells: readonly Cell[], asked: OverTime, text: string, steps: Steps): Series[] {
  const names = asked.by.map(({ place }) => text.slice(place.start, place.end))
  if (isHistogram(asked)) names.push('__bucket')
  // Of what was counted there were none where nothing is told; of values there is nothing to tell.
  const otherwise = counts(asked) ? 0 : Number.NaN
  const perSecond = asked.function === 'rate' ? steps.seconds : 1
  const found = new Map<string, Series>()
  for (const { step, by, spans, values, exemplar } of cells) {
    for (const [place, value] of values.entries()) {
      const labels = by.map((of, at): MetricLabel => ({ name: names[at] ?? '', value: of ?? null }))
      const quantile = asked.quantiles[place]
      if (quantile !== undefined) labels.push({ name: 'p', value: { type: 'double', text: String(quantile) } })
      if (labels.length === 0) labels.push({ name: '__name__', value: { type: 'string', text: asked.function } })
      const key = Series.keyOf(labels)
      let series = found.get(key)
      if (series === undefined) found.set(key, (series = new Series(labels, steps.count, otherwise)))
      series.add(step, value / perSecond, spans)
      if (exemplar !== undefined && place === 0) series.exemplars.push(exemplar)
    }
  }
  return [...found.values()]
}

/** Of the exemplars of all series the largest so many. */
function keepLargest(series: readonly Series[], most: number): void {
  const largest = series
    .flatMap(({ exemplars }) => exemplars)
    .sort((a, b) => b.value - a.value)
    .slice(0, most)
  const kept = new Set(largest)
  for (const one of series) one.exemplars = one.exemplars.filter((exemplar) => kept.has(exemplar))
}
