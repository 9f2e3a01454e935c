import type { MetricLabel, MetricSeries } from '../types.ts'
import type { Best, ValueFilter } from './syntax.ts'
import { holds } from './walk.ts'
import { keyOf } from './values.ts'

/** The span that stands out in a step: with the greatest value, or the longest. */
export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly start: bigint
  readonly value: number
}

/** One line of a chart. */
export class Series {
  readonly labels: readonly MetricLabel[]
  readonly key: string
  /** For each step; NaN: none. */
  readonly values: Float64Array
  exemplars: Exemplar[] = []
  /** How many it is of. */
  spans = 0

  constructor(labels: readonly MetricLabel[], steps: number, otherwise: number) {
    this.labels = labels
    this.key = Series.keyOf(labels)
    this.values = new Float64Array(steps).fill(otherwise)
  }

  static keyOf(labels: readonly MetricLabel[]): string {
    return JSON.stringify(labels.map(({ name, value }) => [name, keyOf(value ?? undefined)]))
  }

  add(step: number, value: number, spans: number): void {
    if (step < 0 || step >= this.values.length) return
    this.values[step] = value
    this.spans += spans
  }

  answer(): MetricSeries {
    return {
      labels: [...this.labels],
      values: Array.from(this.values, (value) => (Number.isFinite(value) ? value : null)),
      exemplars: this.exemplars.map(({ traceId, spanId, start, value }) => ({
        traceId,
        spanId,
        startTimeUnixNano: start.toString(),
        value,
      })),
    }
  }
}

/** At each step the largest, or smallest, so many; of equal ones those whose labels come first. */
export function best(series: readonly Series[], { kind, count }: Best): Series[] {
  const ordered = series.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const sign = kind === 'topk' ? -1 : 1
  for (let step = 0; step < (ordered[0]?.values.length ?? 0); step++) {
    const told = ordered.filter(({ values }) => !Number.isNaN(values[step]))
    told.sort((a, b) => sign * ((a.values[step] ?? 0) - (b.values[step] ?? 0)))
    for (const { values } of told.slice(count)) values[step] = Number.NaN
  }
  return ordered.filter(isTold)
}

/** Only the values for which the comparison holds. */
export function filtered(series: readonly Series[], { operator, value }: ValueFilter): Series[] {
  for (const { values } of series) {
    for (const [step, told] of values.entries()) if (!holds(told, operator, value)) values[step] = Number.NaN
  }
  return series.filter(isTold)
}

const isTold = ({ values }: Series): boolean => values.some((value) => !Number.isNaN(value))
