import { setTimeout as pause } from 'node:timers/promises'
import { connectHttp } from './load/http.ts'
import { encodeRequest } from './load/protobuf.ts'
import { generateTraces } from './load/traces.ts'

/**
 * How long a span is acknowledged before the API finds it: sends a single span, then asks for its trace every 20 ms.
 * Milliseconds, in the order of the probes.
 */
export async function probe(
  weft: { readonly otlpHttp: string; readonly http: string },
  times: number,
): Promise<number[]> {
  const connection = connectHttp({ url: weft.otlpHttp })
  const took: number[] = []
  try {
    for (let i = 0; i < times; i++) {
      const seed = Math.floor(Math.random() * 2 ** 48)
      const [trace] = generateTraces({ spans: 1, seed, start: BigInt(Date.now()) * 1_000_000n })
      const [span] = trace?.spans ?? []
      if (!span) throw new Error('BUG: a trace without spans')
      const answer = await connection.send(
        encodeRequest({ resource: span.resource, spans: [span] }),
        AbortSignal.timeout(30_000),
      )
      if (answer.type !== 'accepted') throw new Error(`the probe was not accepted: ${answer.why}`)
      const acknowledged = performance.now()
      const url = `${weft.http}/api/traces/${Buffer.from(span.traceId).toString('hex')}`
      for (;;) {
        const response = await fetch(url)
        await response.text()
        if (response.ok) break
        if (performance.now() - acknowledged > 60_000) throw new Error('a probe was not found within a minute')
        await pause(20)
      }
      took.push(performance.now() - acknowledged)
    }
  } finally {
    connection.close()
  }
  return took
}
