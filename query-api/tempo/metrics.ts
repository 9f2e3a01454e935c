import type { MetricLabel, MetricsAnswer } from '../types.ts'
import { anyValue, type AnyValue } from './any-value.ts'

/** Tempo's `QueryRangeResponse` and `QueryInstantResponse` as JSON (its tempo.proto). */
export interface TempoMetrics {
  series: {
    labels: { key: string; value: AnyValue }[]
    promLabels: string
    /** Of a range. */
    samples?: { timestampMs: string; value: number }[]
    /** Of an instant. */
    value?: number
    exemplars?: { labels: { key: string; value: AnyValue }[]; value: number; timestampMs: string }[]
  }[]
  metrics: object
  status?: 'PARTIAL'
  message?: string
}

const milliseconds = (nanos: string): string => (BigInt(nanos) / 1_000_000n).toString()

/** Figures over time as Tempo tells them; without a value there is no sample. */
export function tempoRange(answer: MetricsAnswer): TempoMetrics {
  const { times } = answer
  return {
    series: answer.series.map(({ labels, values, exemplars }) => ({
      ...named(labels),
      samples: values.flatMap((value, at) =>
        value === null ? [] : [{ timestampMs: milliseconds(times[at] ?? '0'), value }],
      ),
      ...(exemplars.length > 0 && {
        exemplars: exemplars.map(({ traceId, spanId, startTimeUnixNano, value }) => ({
          labels: [
            { key: 'trace:id', value: { stringValue: traceId } },
            { key: 'span:id', value: { stringValue: spanId } },
          ],
          value,
          timestampMs: milliseconds(startTimeUnixNano),
        })),
      }),
    })),
    metrics: {},
    ...partial(answer),
  }
}

/** The same of one step. */
export function tempoInstant(answer: MetricsAnswer): TempoMetrics {
  return {
    series: answer.series.flatMap(({ labels, values: [value] }) =>
      value === null || value === undefined ? [] : [{ ...named(labels), value }],
    ),
    metrics: {},
    ...partial(answer),
  }
}

const named = (labels: readonly MetricLabel[]): Pick<TempoMetrics['series'][number], 'labels' | 'promLabels'> => ({
  labels: labels.map(({ name, value }) => ({
    key: name,
    value: value === null ? { stringValue: 'nil' } : anyValue(value),
  })),
  promLabels: `{${labels.map(({ name, value }) => `${name}=${JSON.stringify(value?.text ?? '<nil>')}`).join(', ')}}`,
})

function partial({ more, cut }: MetricsAnswer): Pick<TempoMetrics, 'status' | 'message'> {
  if (!more && !cut) return {}
  const message = cut ? 'there were more traces than could be looked at' : 'only the series of most spans are told'
  return { status: 'PARTIAL', message }
}
