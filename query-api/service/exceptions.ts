import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { inWindow, joinResources, spanIdHex, windowParams } from '../questions/spans.ts'
import type { ServiceExceptionsAnswer } from '../types.ts'

const maxExceptions = 200
/** Versions that are named of each. */
const mostVersions = 20
/** Of a message, in characters. */
const longest = 1_000

/** A text of the event's attributes (semantic conventions, "Exceptions on spans"). */
const text = (key: string): string =>
  `JSONExtractString(arrayFirst(pair -> JSONExtractString(pair, 'key') = '${key}', pairs), 'value', 'stringValue')`

/**
 * Where it was thrown, as its stack tells it: Python's last frame (its newest), else the first line of JavaScript, Java, .NET
 * or PHP that begins with `at` or `#0`, else Go's first file. '' where there is none.
 */
const place = `multiIf(
  match(stack, 'File "[^"]+", line [0-9]+'), arrayElement(extractAll(stack, 'File "[^"]+", line [0-9]+, in [^\\n]*'), -1),
  ${firstLine('\\\\s+at ')} != '', ${firstLine('\\\\s+at ')},
  ${firstLine('#0 ')} != '', ${firstLine('#0 ')},
  extract(stack, '(?m)^\\\\s+(\\\\S+\\\\.go:[0-9]+)'))`

/** The rest of the first line that begins so. */
function firstLine(begin: string): string {
  return `extract(stack, '(?m)^${begin}([^\\n]+)$')`
}

/** The exceptions that spans of a service recorded, by type and place in the stack, the most frequent first. */
export async function serviceExceptions(
  asker: Asker,
  window: TimeWindow,
  service: string,
): Promise<ServiceExceptionsAnswer> {
  const rows = await all(asker, {
    name: 'service_exceptions',
    sql: `SELECT type, ${place} AS place, count() AS times, min(at), max(at), argMax(message, at),
        arraySort(groupUniqArray(${mostVersions})(version)), lower(hex(argMax(trace_id, at))), ${spanIdHex('argMax(span_id, at)')},
        argMax(stack, at), argMax(name, at)
      FROM (
        SELECT trace_id, span_id, name, at, version, ${text('exception.type')} AS type,
          substringUTF8(${text('exception.message')}, 1, ${longest}) AS message, ${text('exception.stacktrace')} AS stack
        FROM (
          SELECT trace_id, span_id, name, at, JSONExtractArrayRaw(attributes) AS pairs, version
          FROM (
            SELECT trace_id, span_id, name, \`events.time_ns\`, \`events.name\`, \`events.attributes\`,
              resource_attributes['service.version'] AS version
            FROM spans ${joinResources}
            WHERE ${inWindow} AND service = {service:String} AND has(\`events.name\`, 'exception')
          ) ARRAY JOIN \`events.time_ns\` AS at, \`events.name\` AS event, \`events.attributes\` AS attributes
          WHERE event = 'exception'
        )
      )
      GROUP BY type, place ORDER BY times DESC, type, place LIMIT ${maxExceptions + 1}`,
    params: { ...windowParams(window), service },
    maxRows: maxExceptions + 1,
    decode: (row) => ({
      type: String(row[0]),
      place: String(row[1]),
      count: Number(row[2]),
      firstSeenUnixNano: String(row[3]),
      lastSeenUnixNano: String(row[4]),
      message: String(row[5]),
      versions: (row[6] as readonly unknown[]).map(String).filter((version) => version !== ''),
      example: { traceId: String(row[7]), spanId: String(row[8]) },
      stack: String(row[9]),
      operation: String(row[10]),
    }),
  })
  return {
    ...windowParams(window),
    service,
    exceptions: rows.slice(0, maxExceptions),
    more: rows.length > maxExceptions,
  }
}
