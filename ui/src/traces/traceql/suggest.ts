import type { AttributeKey } from '../../../../query-api/types.ts'
import type { FieldValue } from '../../api/questions.ts'
import { fieldOf, quoted, seenText } from '../filter.ts'
import type { Completable } from './place.ts'

/** One thing that may be written. */
export interface Suggested {
  /** What is written, and what is compared with what was typed. */
  readonly text: string
  /** What stands beside it in the list. */
  readonly note?: string
  readonly kind: 'intrinsic' | 'attribute' | 'value' | 'operator' | 'function'
  /** Written after it; something else follows at once, and is offered. */
  readonly after?: string
}

/** What the store knows of names and values. Both may fail, or take a while. */
export interface Known {
  keys(): Promise<readonly AttributeKey[]>
  values(field: string): Promise<readonly FieldValue[]>
}

const listed = (kind: Suggested['kind'], after: string, of: Readonly<Record<string, string>>): Suggested[] =>
  Object.entries(of).map(([text, note]) => ({ text, note, kind, after }))

/** What most queries are about. */
const usual = [
  ...listed('attribute', ' ', { 'resource.service.name': 'the service' }),
  ...listed('intrinsic', ' ', {
    name: 'of the span',
    duration: 'of the span',
    status: 'error, ok or unset',
    kind: 'server, client, …',
  }),
]
const intrinsics = listed('intrinsic', ' ', {
  statusMessage: 'of the span',
  rootName: 'of the trace',
  rootServiceName: 'of the trace',
  traceDuration: 'of the trace',
  'trace:id': 'in hexadecimal',
  'span:id': 'in hexadecimal',
  'span:parentID': 'in hexadecimal',
  'span:childCount': 'children of the span',
  nestedSetParent: '-1 for root spans',
  'event:name': 'of any of its events',
  'event:timeSinceStart': 'of any of its events',
  'link:traceID': 'of any of its links',
  'link:spanID': 'of any of its links',
  'instrumentation:name': 'of the library',
  'instrumentation:version': 'of the library',
})

const scopes = listed('attribute', '', {
  'span.': 'attributes of the span',
  'resource.': 'attributes of who sent it',
  'event.': 'attributes of its events',
  'link.': 'attributes of its links',
  'parent.': 'attributes of its parent',
})

const comparisons = listed('operator', ' ', {
  '=': 'equal',
  '!=': 'not equal',
  '=~': 'matches the regular expression',
  '!~': 'does not match it',
  '>': 'greater',
  '>=': 'greater or equal',
  '<': 'less',
  '<=': 'less or equal',
})
const exists: readonly Suggested[] = [
  { text: '!= nil', note: 'it is there', kind: 'operator', after: ' ' },
  { text: '= nil', note: 'it is not there', kind: 'operator', after: ' ' },
]

const structure = listed('operator', ' { ', {
  '>': 'its children that …',
  '>>': 'its descendants that …',
  '<': 'its parent that …',
  '<<': 'its ancestors that …',
  '~': 'its siblings that …',
  '!>>': 'what is no descendant',
  '!>': 'what is no child',
  '&&': 'traces that have both',
  '||': 'either',
})
const metrics = [
  ...listed('function', ' ', { 'rate()': 'spans a second, over time', 'count_over_time()': 'spans, over time' }),
  ...listed('function', '', {
    'quantile_over_time(duration, .5, .95, .99)': 'percentiles, over time',
    'histogram_over_time(duration)': 'how long they took, over time',
    'avg_over_time(': 'of a field, over time',
    'max_over_time(': 'of a field, over time',
    'min_over_time(': 'of a field, over time',
    'sum_over_time(': 'of a field, over time',
    'compare({ status = error })': 'what these have that others have not',
  }),
]
const stages = [
  ...listed('function', ' ', { 'count()': 'spans of a trace that match' }),
  ...listed('function', '', {
    'avg(': 'of a field, in each trace',
    'max(': 'of a field, in each trace',
    'min(': 'of a field, in each trace',
    'sum(': 'of a field, in each trace',
    'by(': 'groups of spans in each trace',
    'select(': 'fields to be told with the spans',
  }),
  ...metrics,
]
const values: Readonly<Record<string, readonly string[]>> = {
  status: ['error', 'ok', 'unset'],
  kind: ['server', 'client', 'producer', 'consumer', 'internal'],
  duration: ['10ms', '100ms', '500ms', '1s', '5s'],
}

/** The name under which an intrinsic stands alone: `span:duration` is `duration`. */
const plain = (field: string): string =>
  ({ traceDuration: 'duration', 'trace:duration': 'duration' })[field] ?? field.replace(/^span:/, '')

/** Numbers, durations, booleans and words of the language stand as they are. */
const literal = ({ type, value }: FieldValue): string => (type === 'string' ? quoted(value) : value)

/**
 * What may be written there, most likely first: the store's names and values, and the words of the language. `typed` is
 * what stands there up to the cursor. A store that does not answer takes only its own part of it away.
 */
export async function suggest(place: Completable, typed: string, known: Known): Promise<readonly Suggested[]> {
  switch (place.kind) {
    case 'spanset':
      return [{ text: '{', note: 'spans that …', kind: 'operator', after: ' ' }]
    case 'field':
      return distinct([...usual, ...(await attributes(typed, known)), ...intrinsics, ...scopes])
    case 'operator':
      return [...comparisons, ...exists]
    case 'value':
      return valuesOf(place.field ?? '', known)
    case 'more':
      return listed('operator', ' ', { '&&': 'and', '||': 'or', '}': 'the end of the condition' })
    case 'after':
      return [{ text: '|', note: 'figures of them', kind: 'operator', after: ' ' }, ...structure]
    case 'stage':
      return stages
    case 'grouping':
      return [
        { text: 'by (', note: 'a line for each value', kind: 'function', after: '' },
        { text: '| topk(10)', note: 'the highest lines', kind: 'function' },
        { text: '| bottomk(10)', note: 'the lowest lines', kind: 'function' },
      ]
    case 'comparison':
      return comparisons.filter(({ text }) => !text.includes('~'))
  }
}

async function attributes(typed: string, known: Known): Promise<Suggested[]> {
  const keys = await known.keys().catch(() => [])
  // Without a scope a key is looked for in both; who begins so wants it so.
  const bare = typed.startsWith('.')
  const [, outer = ''] = /^(parent\.)/.exec(typed) ?? []
  return keys.map((one) => ({
    text: `${outer}${fieldOf(bare ? '' : one.level, one.key)}`,
    note: seenText(one),
    kind: 'attribute',
    after: ' ',
  }))
}

/** The first of each text. */
function distinct(all: readonly Suggested[]): Suggested[] {
  const seen = new Set<string>()
  return all.filter(({ text }) => !seen.has(text) && seen.add(text))
}

async function valuesOf(field: string, known: Known): Promise<Suggested[]> {
  const fixed = values[plain(field)]
  const texts = fixed ?? (await known.values(field).catch(() => [])).map(literal)
  return texts.map((text) => ({ text, kind: 'value', after: ' ' }))
}
