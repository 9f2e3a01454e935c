import { promoted } from '../../store/schema/promoted.ts'
import type { StoredSpan } from '../questions/trace-details.ts'
import type { Rebuilt } from './rebuild.ts'
import type { SkeletonSpan } from './skeleton.ts'

// Written as text, not through objects: what the store holds as OTLP/JSON goes through untouched, -0 stays -0, and a
// trace of 100,000 spans is never in memory as a whole.

/** One span of the answer (`TraceSpan` in types.ts) as JSON text; `sent` as of `sentJson`. */
export function spanJson(sent: string, rebuilt: Rebuilt, resource: number): string {
  const { span } = rebuilt
  return `{${sent},${besidesJson(span, resource)},"durationNanos":"${span.duration}","invalidTimes":${span.invalidTimes},"selfTimeNanos":"${rebuilt.selfTime}","onCriticalPath":${rebuilt.onCriticalPath},"missingParent":${rebuilt.missingParent},"skewNanos":${rebuilt.skew === undefined ? 'null' : `"${rebuilt.skew}"`},"shiftNanos":"${rebuilt.shift}","foldedInto":"${rebuilt.foldedInto}","copies":${span.copies}}`
}

/** The same without what rebuilding adds (`SpanDetails`). */
export const detailsJson = (sent: string, span: SkeletonSpan, resource: number): string =>
  `{${sent},${besidesJson(span, resource)}}`

const besidesJson = (span: SkeletonSpan, resource: number): string =>
  `"resource":${resource},"scope":${span.scope},"service":${JSON.stringify(span.service)},"receivedAtUnixNano":"${span.receivedAt}"`

/** What was sent of a span as the members of an OTLP/JSON Span, without the braces. */
export function sentJson(traceId: string, sent: StoredSpan): string {
  return `"traceId":"${traceId}","spanId":"${sent.spanId}","parentSpanId":"${sent.parentSpanId}","traceState":${JSON.stringify(sent.traceState)},"flags":${sent.flags},"name":${JSON.stringify(sent.name)},"kind":${sent.kind},"startTimeUnixNano":"${sent.start}","endTimeUnixNano":"${sent.end}","attributes":${attributesJson(sent)},"droppedAttributesCount":${sent.droppedAttributesCount},"events":${eventsJson(sent)},"droppedEventsCount":${sent.droppedEventsCount},"links":[${sent.linksJson.join(',')}],"droppedLinksCount":${sent.droppedLinksCount},"status":{"code":${sent.statusCode},"message":${JSON.stringify(sent.statusMessage)}}`
}

/** The attributes as OTLP/JSON KeyValue list: what was moved into columns goes back under the very name it was sent with. */
export function attributesJson(sent: StoredSpan): string {
  const parts: string[] = []
  for (const [place, { names, type }] of promoted.entries()) {
    const generation = (sent.moved >>> (2 * place)) & 3
    const name = generation === 0 ? undefined : names[generation - 1]
    if (name === undefined) continue
    const text = String(sent.promoted[place])
    parts.push(type === 'int' ? keyValue(name, `{"intValue":"${text}"}`) : keyValue(name, stringValue(text)))
  }
  const { strings, ints, doubles, bools, othersJson } = sent
  for (const [index, key] of strings.keys.entries()) parts.push(keyValue(key, stringValue(strings.values[index])))
  for (const [index, key] of ints.keys.entries())
    parts.push(keyValue(key, `{"intValue":"${String(ints.values[index])}"}`))
  for (const [index, key] of doubles.keys.entries())
    parts.push(keyValue(key, doubleValue(String(doubles.values[index]))))
  for (const [index, key] of bools.keys.entries())
    parts.push(keyValue(key, `{"boolValue":${isTrue(bools.values[index])}}`))
  for (const [index, key] of othersJson.keys.entries())
    parts.push(keyValue(key, String(othersJson.values[index]) || '{}'))
  return `[${parts.join(',')}]`
}

const keyValue = (key: string, value: string): string => `{"key":${JSON.stringify(key)},"value":${value}}`
const stringValue = (value: unknown): string => `{"stringValue":${JSON.stringify(String(value))}}`
const isTrue = (value: unknown): boolean => value === true || value === 1

const oddDoubles: ReadonlyMap<string, string> = new Map([
  ['nan', '"NaN"'],
  ['-nan', '"NaN"'],
  ['inf', '"Infinity"'],
  ['-inf', '"-Infinity"'],
])
const doubleValue = (text: string): string => `{"doubleValue":${oddDoubles.get(text) ?? text}}`

function eventsJson(sent: StoredSpan): string {
  const parts = sent.eventTimes.map(
    (time, index) =>
      `{"timeUnixNano":"${time}","name":${JSON.stringify(sent.eventNames[index] ?? '')},"attributes":${sent.eventAttributesJson[index] || '[]'},"droppedAttributesCount":${sent.eventDroppedAttributesCounts[index] ?? 0}}`,
  )
  return `[${parts.join(',')}]`
}
