import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { decodeFigures, figuresOf, inWindow, timeOfSpans, windowParams } from '../questions/spans.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { ServiceQueuesAnswer } from '../types.ts'

const maxQueues = 500

/**
 * What is done with messages, under any generation of its name and its values, as OpenTelemetry's semantic conventions for
 * messaging call it now; by the span's kind where nothing tells.
 */
const operation = `transform(multiIf(
  attributes_string['messaging.operation.type'] != '', attributes_string['messaging.operation.type'],
  attributes_string['messaging.operation'] != '', attributes_string['messaging.operation'],
  kind = 4, 'send', kind = 5, 'process', ''), ['publish', 'deliver'], ['send', 'process'])`

/** The topics and queues that a service sends to and takes from, by operation, those that take most time together first. */
export async function serviceQueues(asker: Asker, window: TimeWindow, service: string): Promise<ServiceQueuesAnswer> {
  const weighed = await isWeighed(asker, window)
  const rows = await all(asker, {
    name: 'service_queues',
    // The spans for which topology has a node of a queue.
    sql: `SELECT messaging_system, messaging_destination, ${operation} AS operation,
        ${timeOfSpans('true', weighed)} AS total, ${figuresOf('true', weighed)},
        lower(hex(argMax(trace_id, duration_ns)))
      FROM spans WHERE ${inWindow} AND service = {service:String}
        AND (kind IN (3, 4) AND db_system = '' AND (messaging_system != '' OR messaging_destination != '')
          OR kind = 5 AND messaging_destination != '')
      GROUP BY messaging_system, messaging_destination, operation
      ORDER BY total DESC, messaging_system, messaging_destination, operation LIMIT ${maxQueues + 1}`,
    params: { ...windowParams(window), service },
    maxRows: maxQueues + 1,
    decode: (row) => ({
      system: String(row[0]),
      destination: String(row[1]),
      operation: String(row[2]),
      totalNanos: Number(row[3]),
      ...decodeFigures(row, 4, window),
      slowestTraceId: String(row[9]),
    }),
  })
  return { ...windowParams(window), service, queues: rows.slice(0, maxQueues), more: rows.length > maxQueues }
}
