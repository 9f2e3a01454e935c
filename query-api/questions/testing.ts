import type { TenantId } from '../../base/units.ts'
import { promoted } from '../../store/schema/promoted.ts'
import { openQuestionStore, type QuestionStore } from '../testing.ts'
import type { Asker } from './ask.ts'

/** A value with the type it was sent with. */
export type Sent = { string: string } | { int: string } | { double: number } | { bool: boolean } | { other: string }

/** A span for tests of the questions; what the store holds of it follows in `rowOf`. */
export interface TestSpan {
  readonly trace: string
  readonly id: number
  /** 0: none. */
  readonly parent: number
  readonly service: string
  readonly name: string
  readonly kind: number
  readonly start: bigint
  readonly duration: bigint
  readonly invalid: boolean
  readonly status: number
  /** By the very name it was sent with. */
  readonly attributes: Readonly<Record<string, Sent>>
  readonly resource: number
  readonly scope?: string
  readonly traceState?: string
}

export interface TestResource {
  readonly id: number
  readonly service: string
  readonly attributes: Readonly<Record<string, string>>
}

/** The id as the API writes it: 16 ASCII characters in hex. */
export const traceIdOf = (trace: string): string => Buffer.from(trace.padEnd(16, '.')).toString('hex')
export const spanIdOf = (id: number): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(id))
  return bytes.toString('hex')
}

/** The row of `spans`: hot attributes of the expected type moved into their columns, the rest in maps by type. */
export function rowOf(span: TestSpan, receivedAt = '2026-01-01 00:00:00'): object {
  const columns: Record<string, string | number> = {}
  const maps = { string: {}, int: {}, double: {}, bool: {}, other: {} } as Record<string, Record<string, unknown>>
  let moved = 0
  for (const [key, sent] of Object.entries(span.attributes)) {
    const [type = '', value] = Object.entries(sent)[0] ?? []
    const place = promoted.findIndex(({ names }) => (names as readonly string[]).includes(key))
    const of = promoted[place]
    if (of !== undefined && of.type === type && (moved >>> (2 * place)) % 4 === 0) {
      columns[of.column] = of.type === 'int' ? Number(value) : String(value)
      moved |= ((of.names as readonly string[]).indexOf(key) + 1) << (2 * place)
    } else {
      ;(maps[type] ??= {})[key] = value
    }
  }
  return {
    tenant: 'default',
    received_at: receivedAt,
    trace_id: span.trace.padEnd(16, '.'),
    span_id: String(span.id),
    parent_span_id: String(span.parent),
    service: span.service,
    name: span.name,
    kind: span.kind,
    start_ns: String(span.start),
    duration_ns: span.invalid ? '0' : String(span.duration),
    end_shift_ns: span.invalid ? '-7' : '0',
    status: span.status,
    ...columns,
    moved,
    ...Object.fromEntries(Object.entries(maps).map(([type, map]) => [`attributes_${type}`, map])),
    resource_id: String(span.resource),
    ...(span.scope === undefined ? {} : { scope_name: span.scope }),
    ...(span.traceState === undefined ? {} : { trace_state: span.traceState }),
  }
}

/** Some of these as one sampler or another kept them, with how many each then stands for. */
export function sampled(spans: readonly TestSpan[]): (TestSpan & { readonly weight: number })[] {
  const states = [
    ['', 1],
    ['vendor=th:8,ot=rv:00000000000001', 1],
    ['ot=th:8', 2],
    ['vendor=1 , ot=rv:f0e1d2c3b4a596;th:c,other=x', 4],
    ['ot=th:e6666666666668', Math.fround(10)],
  ] as const
  return spans.map((span, index) => {
    const [traceState, weight] = states[(index * 7) % states.length] ?? states[0]
    return { ...span, traceState, weight }
  })
}

/** Of spans that were sent again the last copy. */
export const eachOnce = (spans: readonly TestSpan[]): TestSpan[] => [
  ...new Map(spans.map((span) => [`${span.trace} ${span.id}`, span])).values(),
]

/** A real store that holds these, and somebody of the tenant they are of who asks it. */
export async function openFilled(
  spans: readonly TestSpan[],
  resources: readonly TestResource[],
): Promise<{ store: QuestionStore; asker: Asker }> {
  const store = await openQuestionStore()
  await insertSpans(store, spans)
  await insertResources(store, resources)
  const asker = { reader: store.reader, tenant: 'default' as TenantId, signal: new AbortController().signal }
  return { store, asker }
}

export async function insertSpans(store: QuestionStore, spans: readonly TestSpan[]): Promise<void> {
  await store.insert(
    'spans',
    spans.map((span) => rowOf(span)),
  )
}

export async function insertResources(store: QuestionStore, resources: readonly TestResource[]): Promise<void> {
  await store.insert(
    'resources',
    resources.map(({ id, service, attributes }) => ({
      tenant: 'default',
      received_at: '2026-01-01 00:00:00',
      resource_id: String(id),
      service,
      attributes,
      attributes_otlp: JSON.stringify(
        Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
      ),
    })),
  )
}

/** The same numbers for the same seed (mulberry32), so that a failure can be run again. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export const dataStart = 1_767_225_600_000_000_000n
export const dataLength = 7_200_000_000_000n

const databases = [
  ['db.system.name', 'db.namespace', 'server.address'],
  ['db.system', 'db.name', 'net.peer.name'],
] as const

/** The first three name the host `pay.example`, the last none. */
const urls = [
  ['url.full', 'https://me:secret@pay.example:8443/pay?to=a/b'],
  ['http.url', 'http://pay.example'],
  ['http.host', 'pay.example:80'],
  ['url.full', '/only/a/path'],
] as const

/** Traces of any shape over two hours: small span ids that repeat from trace to trace, every kind, copies, odd times. */
export function randomData(seed: number, traces: number): { spans: TestSpan[]; resources: TestResource[] } {
  const random = randomFrom(seed)
  const pick = <T>(of: readonly T[]): T => of[random(of.length)] as T
  const resources = Array.from({ length: 6 }, (_, id): TestResource => ({
    id: id + 1,
    service: `svc-${id % 4}`,
    attributes: { 'host.name': `h-${id % 3}`, ...(id % 2 === 0 ? { tier: pick(['gold', 'tin']) } : {}) },
  }))
  const spans: TestSpan[] = []
  let unique = 0n
  for (let trace = 0; trace < traces; trace++) {
    const begin = dataStart + BigInt(random(7200)) * 1_000_000_000n
    const size = 1 + random(12)
    for (let id = 1; id <= size; id++) {
      const resource = pick(resources)
      const kind = random(6)
      const attributes: Record<string, Sent> = {}
      if (random(2) === 0) {
        attributes['user.id'] = pick<Sent>([
          { string: 'u-1' },
          { string: '7' },
          { int: '7' },
          { double: 7 },
          { double: 0.5 },
          { bool: true },
          { other: '{}' },
        ])
      }
      if (random(4) === 0) attributes['tier'] = pick<Sent>([{ string: 'gold' }, { string: 'tin' }, { int: '1' }])
      if (random(3) === 0) attributes[pick(['http.request.method', 'http.method'])] = { string: pick(['GET', '']) }
      if (random(3) === 0) {
        attributes[pick(['http.response.status_code', 'http.status_code'])] = pick<Sent>([
          { int: '500' },
          { string: '500' },
        ])
      }
      const place = random(6)
      const [system, namespace, address] = pick(databases)
      if (kind === 3 && place < 2) {
        attributes[system] = { string: 'postgresql' }
        if (random(2) === 0) attributes[namespace] = { string: 'orders' }
      }
      if (kind === 3 && (place === 1 || place === 2)) attributes[address] = { string: pick(['db1', 'db2']) }
      if (kind === 3 && place === 3) attributes['peer.service'] = { string: 'partner' }
      if (kind === 3 && place >= 3) {
        const [name, value] = pick(urls)
        attributes[name] = { string: value }
      }
      if (kind >= 4 && place < 3) {
        attributes['messaging.system'] = { string: 'kafka' }
        if (place < 2) attributes['messaging.destination.name'] = { string: pick(['orders', 'mails']) }
      }
      const span: TestSpan = {
        trace: `t${trace}`,
        id,
        // Mostly an earlier span; sometimes one that is missing, or itself.
        parent: random(12) === 0 ? id + random(3) : random(id),
        service: resource.service,
        name: `op-${random(5)}`,
        kind,
        start: begin + BigInt(random(100_000_000)) * 1000n + (unique = (unique + 1n) % 1000n),
        duration: BigInt(random(1_000_000)) * 1000n + unique,
        invalid: random(25) === 0,
        status: pick([0, 0, 0, 1, 2]),
        attributes,
        resource: resource.id,
      }
      spans.push(span)
      if (random(30) === 0) spans.push(span)
    }
  }
  return { spans, resources }
}

/** The server's memory limit bounds one INSERT. */
const spansOfInsert = 100_000
const nightlyStart = 1_795_000_000_123_456_789n

/**
 * A trace that is larger than anybody's objects: a root, batches of 100 spans, rows of 10; every 251st span fails. Span `n`,
 * from 0, has the id `n + 1` and the attribute `row`.
 */
export async function insertNightly(store: QuestionStore, trace: string, many: number): Promise<void> {
  const names = ['reconcile row', 'load', 'compare', 'write', 'notify', 'SELECT row', 'GET /item/{id}']
  const services = ['batch', 'worker', 'inventory', 'pricing', 'search', 'mailer', 'ledger']
  const list = (texts: readonly string[]): string => `[${texts.map((text) => `'${text}'`).join(', ')}]`
  for (let from = 0; from < many; from += spansOfInsert) {
    await store.run(`INSERT INTO spans (tenant, received_at, trace_id, span_id, parent_span_id, service, name, kind,
        start_ns, duration_ns, status, status_message, attributes_int, \`events.time_ns\`, \`events.name\`,
        \`events.attributes\`, \`events.dropped_attributes_count\`, scope_name)
      SELECT 'default', now64(9) - 60, '${trace.padEnd(16, '.')}', number + 1,
        multiIf(number = 0, 0, number % 100 = 0, 1, number % 10 = 0, intDiv(number, 100) * 100 + 1,
          intDiv(number, 10) * 10 + 1),
        if(number = 0, 'batch', ${list(services)}[1 + number % 7]),
        if(number = 0, 'nightly reconciliation', ${list(names)}[1 + number % 7]), if(number = 0, 1, 1 + number % 3),
        ${nightlyStart} + number * 1000000,
        multiIf(number = 0, ${many} * 1020000, number % 100 = 0, 99000000, number % 10 = 0, 9500000,
          900000 + number % 977),
        if(number % 251 = 250, 2, 0), if(number % 251 = 250, 'row differs', ''), map('row', number),
        if(number % 10 = 3, [${nightlyStart} + number * 1000000 + 400000], []), if(number % 10 = 3, ['retry'], []),
        if(number % 10 = 3, ['[]'], []), if(number % 10 = 3, [0], []), 'reconcile'
      FROM numbers(${from}, ${Math.min(spansOfInsert, many - from)})`)
  }
}
