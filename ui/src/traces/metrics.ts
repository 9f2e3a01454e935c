import { count, duration, rate, text } from '../numbers/format.ts'

const functions = /\|\s*((?:rate|(?:count|min|max|avg|sum|quantile|histogram)_over_time|compare)\s*\(.*)$/s
/** Texts in a query, in which words mean nothing. */
const texts = /"(?:[^"\\]|\\.)*"|`[^`]*`/gs

/** Where figures over time begin in a query; undefined: it asks for spans and traces. */
function metricsAt(query: string): number | undefined {
  const blank = query.replaceAll(texts, (one) => ' '.repeat(one.length))
  return functions.exec(blank)?.index
}

export const isMetrics = (query: string | undefined): query is string =>
  query !== undefined && metricsAt(query) !== undefined

/** What comes before the figures: the query of the spans that are counted. */
export function spansOf(query: string): string | undefined {
  const at = metricsAt(query)
  return at === undefined ? undefined : query.slice(0, at).trim()
}

/** The figures are lengths of time, in seconds. */
export const isOfDurations = (query: string): boolean =>
  /(?:min|max|avg|sum|quantile)_over_time\s*\(\s*(?:span:)?duration\b/.test(query.slice(metricsAt(query) ?? 0))

/** How the figures of a query are written. */
export function metricFormat(query: string): (value: number) => string {
  if (isOfDurations(query)) return (seconds) => text(duration(Math.round(seconds * 1e9)))
  if (/^\|\s*rate\s*\(/.test(query.slice(metricsAt(query) ?? 0))) return (perSecond) => text(rate(perSecond))
  return (value) => (Number.isInteger(value) ? text(count(value)) : String(Number(value.toPrecision(3))))
}
