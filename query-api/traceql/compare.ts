import { promoted } from '../../store/schema/promoted.ts'
import { all, type Asker } from '../questions/ask.ts'
import { attributeMaps, wasMoved, type Condition } from '../questions/filters.ts'
import { aroundParams, joinResources, statusCodes } from '../questions/spans.ts'
import type { Steps } from '../questions/steps.ts'
import type { MetricLabel, TypedValue } from '../types.ts'
import { compiled } from './compiled.ts'
import { Series } from './series.ts'
import type { Compare } from './syntax.ts'
import { kindCodes } from './terms.ts'
import { named, readValue } from './values.ts'

/** Keys of attributes that are compared, those of most spans first. */
const maxKeys = 1_000
const maxRows = 100_000
/** Of a value, in bytes: longer ones are texts that no two spans have in common. */
const longest = 1_000

/**
 * How often each value of each attribute is there, in the selection and beside it, as Tempo's compare() tells it: series
 * labelled `__meta_type` (`selection`, `baseline`, and `…_total` for all that have the attribute), and `__meta_error` for an
 * attribute with more values than are told. Durations are not compared.
 */
export async function compare(asker: Asker, where: Condition, asked: Compare, steps: Steps): Promise<Series[]> {
  const conditions = await compiled(asker, steps.window, [asked.selection.condition], 'c')
  const holds = conditions.condition(asked.selection.condition)
  const inside =
    asked.window === undefined
      ? holds
      : `(${holds} AND start_ns >= {selectedStart:UInt64} AND start_ns < {selectedEnd:UInt64})`
  const pairs = `SELECT ${inside} AS inside, ${steps.sql} AS step, arrayJoin(arrayConcat(${aspects.join(', ')})) AS pair
    FROM spans ${joinResources} WHERE ${where.sql}`
  // The same spans are asked for twice: for the values of each attribute that are told, and for all that have it.
  const params = {
    ...where.params,
    ...conditions.params,
    ...aroundParams(steps.window),
    ...(asked.window && {
      selectedStart: asked.window.start.toString(),
      selectedEnd: asked.window.end.toString(),
    }),
  }
  const [values, totals] = await Promise.all([
    all(asker, {
      name: 'traceql_compare',
      sql: `SELECT inside, pair.1 AS key, [tuple(pair.2, pair.3)], count() AS times, sumMap([step], [toUInt64(1)]) AS by_step
        FROM (${pairs}) WHERE length(pair.3) <= ${longest}
        GROUP BY inside, pair ORDER BY times DESC, key, pair.3 LIMIT ${asked.top} BY inside, key LIMIT ${maxRows}`,
      params,
      maxRows,
      decode: (row) => ({
        inside: Number(row[0]) === 1,
        key: String(row[1]),
        value: readValue(row[2]) ?? null,
        times: Number(row[3]),
        steps: readSteps(row[4]),
      }),
    }),
    all(asker, {
      name: 'traceql_compare_totals',
      sql: `SELECT inside, pair.1 AS key, uniqExact(pair), count() AS times, sumMap([step], [toUInt64(1)])
        FROM (${pairs}) GROUP BY inside, key ORDER BY times DESC, key LIMIT ${2 * maxKeys}`,
      params,
      maxRows: 2 * maxKeys,
      decode: (row) => ({
        inside: Number(row[0]) === 1,
        key: String(row[1]),
        different: Number(row[2]),
        times: Number(row[3]),
        steps: readSteps(row[4]),
      }),
    }),
  ])
  const seriesOf = (labels: readonly MetricLabel[], { times, steps: told }: Told): Series => {
    const series = new Series(labels, steps.count, 0)
    for (const [step, count] of told) series.add(step, count, 0)
    series.spans = times
    return series
  }
  const tooMany = new Set(totals.filter(({ different }) => different > asked.top).map(({ key }) => key))
  return [
    ...values.map((one) => seriesOf([meta('type', sideOf(one)), { name: one.key, value: one.value }], one)),
    ...totals.map((one) => seriesOf([meta('type', `${sideOf(one)}_total`), { name: one.key, value: null }], one)),
    ...[...tooMany].map(
      (key) => new Series([meta('error', '__too_many_values__'), { name: key, value: null }], steps.count, 0),
    ),
  ]
}

interface Told {
  readonly times: number
  readonly steps: readonly (readonly [step: number, count: number])[]
}

const sideOf = ({ inside }: { readonly inside: boolean }): string => (inside ? 'selection' : 'baseline')
const meta = (name: 'type' | 'error', text: string): MetricLabel => ({
  name: `__meta_${name}`,
  value: { type: 'string', text },
})

function readSteps(cell: unknown): Told['steps'] {
  const [steps, counts] = cell as readonly [readonly unknown[], readonly unknown[]]
  return steps.map((step, at) => [Number(step), Number(counts[at])])
}

const one = (key: string, type: TypedValue['type'], sql: string): string =>
  `[tuple('${key}', '${type}', toString(${sql}))]`
/** All that is known of a span, as (key, type, text). */
const aspects: readonly string[] = [
  one('name', 'string', 'name'),
  one('statusMessage', 'string', 'status_message'),
  one('status', 'status', named('status', statusCodes)),
  one('kind', 'kind', named('kind', kindCodes)),
  one('resource.service.name', 'string', 'service'),
  ...promoted.map(
    ({ column, names, type }, place) =>
      `if(${wasMoved(place)}, ${one(`span.${names[0]}`, type, column)}, CAST([], 'Array(Tuple(String, String, String))'))`,
  ),
  ...Object.entries(attributeMaps).map(
    ([map, type]) =>
      `arrayMap((k, v) -> tuple(concat('span.', toString(k)), '${type}', toString(v)), mapKeys(${map}), mapValues(${map}))`,
  ),
  `arrayFilter(p -> p.1 != 'resource.service.name', arrayMap((k, v) -> tuple(concat('resource.', toString(k)), 'string', toString(v)),
    mapKeys(resource_attributes), mapValues(resource_attributes)))`,
]
