import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { decodeFigures, figures, inWindow, isRequest, timesMakeSense, windowParams } from '../questions/spans.ts'
import { stepLength, Steps } from '../questions/steps.ts'
import type { ServiceAnswer } from '../types.ts'

/** As many as can be told apart in charts side by side. */
const mostSteps = 120

/** The requests of a service over the whole steps of a window, at each. */
export async function serviceSeries(asker: Asker, window: TimeWindow, service: string): Promise<ServiceAnswer> {
  const steps = Steps.over(window, stepLength(window, mostSteps))
  const whole = steps.window
  const rows = await all(asker, {
    name: 'service_series',
    sql: `SELECT ${steps.sql} AS step, count(), sumIf(toFloat64(duration_ns), ${isRequest} AND ${timesMakeSense}), ${figures}
      FROM spans WHERE ${inWindow} AND service = {service:String}
      GROUP BY step ORDER BY step`,
    params: { ...windowParams(whole), service },
    maxRows: steps.count,
    decode: (row) => ({
      step: Number(row[0]),
      spans: Number(row[1]),
      busy: Number(row[2]),
      ...decodeFigures(row, 3, whole),
    }),
  })
  const at = new Map(rows.map((row) => [row.step, row]))
  const each = <T>(of: (row: (typeof rows)[number] | undefined) => T): T[] =>
    Array.from({ length: steps.count }, (_, step) => of(at.get(step)))
  return {
    ...windowParams(whole),
    service,
    step: steps.length.toString(),
    times: Array.from({ length: steps.count }, (_, step) => steps.end(step).toString()),
    spans: each((row) => row?.spans ?? 0),
    requests: each((row) => row?.requests ?? 0),
    errors: each((row) => row?.errors ?? 0),
    p50: each((row) => row?.p50 ?? null),
    p90: each((row) => row?.p90 ?? null),
    p99: each((row) => row?.p99 ?? null),
    busyNanos: rows.reduce((sum, { busy }) => sum + busy, 0),
  }
}
