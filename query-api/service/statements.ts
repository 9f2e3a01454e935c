import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { databaseInstance, decodeFigures, figuresOf, inWindow, timeOfSpans, windowParams } from '../questions/spans.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { ServiceStatementsAnswer } from '../types.ts'

const maxStatements = 500
/** Of a statement, in characters. */
const longest = 2_000

/** The text of the statement under either generation of its name, with its literals taken out; else what it is called. */
const statement = `substringUTF8(multiIf(
  db_query_text != '', normalizeQueryKeepNames(db_query_text),
  attributes_string['db.query.text'] != '', normalizeQueryKeepNames(attributes_string['db.query.text']),
  attributes_string['db.statement'] != '', normalizeQueryKeepNames(attributes_string['db.statement']),
  attributes_string['db.query.summary'] != '', attributes_string['db.query.summary'],
  name), 1, ${longest})`

/** The statements that a service sends to databases, those that take most time together first. */
export async function serviceStatements(
  asker: Asker,
  window: TimeWindow,
  service: string,
): Promise<ServiceStatementsAnswer> {
  const weighed = await isWeighed(asker, window)
  const rows = await all(asker, {
    name: 'service_statements',
    sql: `SELECT db_system, ${databaseInstance()} AS instance, ${statement} AS text,
        ${timeOfSpans('true', weighed)} AS total, ${figuresOf('true', weighed)},
        lower(hex(argMax(trace_id, duration_ns))), any(name)
      FROM spans WHERE ${inWindow} AND service = {service:String} AND db_system != '' AND kind IN (3, 4)
      GROUP BY db_system, instance, text ORDER BY total DESC, text LIMIT ${maxStatements + 1}`,
    params: { ...windowParams(window), service },
    maxRows: maxStatements + 1,
    decode: (row) => ({
      system: String(row[0]),
      instance: String(row[1]),
      statement: String(row[2]),
      totalNanos: Number(row[3]),
      ...decodeFigures(row, 4, window),
      slowestTraceId: String(row[9]),
      operation: String(row[10]),
    }),
  })
  return {
    ...windowParams(window),
    service,
    statements: rows.slice(0, maxStatements),
    more: rows.length > maxStatements,
  }
}
