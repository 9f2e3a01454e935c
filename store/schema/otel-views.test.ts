import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertSomeSpans } from '../embedded/spans-for-test.ts'
import { startTestStore, type TestStore } from '../embedded/testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore()
})
afterAll(() => store.close())

async function ask(sql: string): Promise<string> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const response = await fetch(store.url, { method: 'POST', body: sql, headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trimEnd()
}

const traceId = '5b8efff798038103d269b633813fc60c'

test('names and types are those of the exporter', async () => {
  const columns = await ask('SELECT * FROM otel_traces LIMIT 0 FORMAT TSVWithNamesAndTypes')
  const [names, types] = columns.split('\n').map((line) => line.split('\t'))
  expect(Object.fromEntries(names!.map((name, i) => [name, types![i]]))).toEqual({
    Timestamp: `DateTime64(9, \\'UTC\\')`,
    TraceId: 'String',
    SpanId: 'String',
    ParentSpanId: 'String',
    TraceState: 'String',
    SpanName: 'LowCardinality(String)',
    SpanKind: 'LowCardinality(String)',
    ServiceName: 'LowCardinality(String)',
    ResourceAttributes: 'Map(LowCardinality(String), String)',
    ScopeName: 'String',
    ScopeVersion: 'String',
    SpanAttributes: 'Map(LowCardinality(String), String)',
    Duration: 'UInt64',
    StatusCode: 'LowCardinality(String)',
    StatusMessage: 'String',
    'Events.Timestamp': `Array(DateTime64(9, \\'UTC\\'))`,
    'Events.Name': 'Array(LowCardinality(String))',
    'Events.Attributes': 'Array(Map(LowCardinality(String), String))',
    'Links.TraceId': 'Array(String)',
    'Links.SpanId': 'Array(String)',
    'Links.TraceState': 'Array(String)',
    'Links.Attributes': 'Array(Map(LowCardinality(String), String))',
  })
})

test('a span with everything reads as the exporter would have written it', async () => {
  await ask(`INSERT INTO resources (tenant, received_at, resource_id, service, attributes)
    VALUES ('default', now64(9), 7, 'shop', {'service.name': 'shop', 'host.name': 'h1'}),
           ('default', now64(9), 7, 'shop', {'service.name': 'shop', 'host.name': 'h1'})`)
  const span = {
    tenant: 'default',
    received_at: '2026-01-02 00:00:00',
    parent_span_id: '72057594037927936',
    trace_state: 'a=b',
    service: 'shop',
    name: 'GET /cart',
    kind: 2,
    start_ns: '1767312000123456789',
    duration_ns: '1500',
    status: 2,
    status_message: 'boom',
    http_method: 'GET',
    http_route: '/cart',
    http_status: 500,
    db_system: 'postgresql',
    // Method under its newer name, status under its older, the database's name stayed in its map.
    moved: 1 | (1 << 2) | (2 << 4),
    attributes_string: { 'user.id': 'u1', 'db.system': 'postgresql' },
    attributes_int: { 'thread.id': '-9223372036854775808' },
    attributes_double: { load: 0.25 },
    attributes_bool: { hit: true },
    attributes_other: { list: '{"arrayValue":{"values":[{"intValue":"1"}]}}' },
    'events.time_ns': ['1767312000123456790', '0'],
    'events.name': ['exception', 'empty'],
    'events.attributes': [
      `[{"key":"exception.type","value":{"stringValue":"E\\"1"}},{"key":"n","value":{"intValue":"42"}},{"key":"d","value":{"doubleValue":0.5}},{"key":"b","value":{"boolValue":true}},{"key":"l","value":{"arrayValue":{"values":[]}}}]`,
      '',
    ],
    'events.dropped_attributes_count': [0, 0],
    links: [
      `{"traceId":"${traceId}","spanId":"00f067aa0ba902b7","traceState":"x=y","attributes":[{"key":"k","value":{"stringValue":"v"}}]}`,
    ],
    resource_id: '7',
    scope_name: 'lib',
    scope_version: '1.2',
  }
  await ask(`INSERT INTO spans FORMAT JSONEachRow ${JSON.stringify(span)}`)
  await ask(`ALTER TABLE spans UPDATE trace_id = unhex('${traceId}'), span_id = reinterpretAsUInt64(unhex('eee19b7ec3c1b174'))
    WHERE service = 'shop' SETTINGS mutations_sync = 2`)
  const row = JSON.parse(await ask(`SELECT * FROM otel_traces WHERE ServiceName = 'shop' FORMAT JSONEachRow`)) as object
  expect(row).toEqual({
    Timestamp: '2026-01-02 00:00:00.123456789',
    TraceId: traceId,
    SpanId: 'eee19b7ec3c1b174',
    ParentSpanId: '0000000000000001',
    TraceState: 'a=b',
    SpanName: 'GET /cart',
    SpanKind: 'Server',
    ServiceName: 'shop',
    ResourceAttributes: { 'service.name': 'shop', 'host.name': 'h1' },
    ScopeName: 'lib',
    ScopeVersion: '1.2',
    SpanAttributes: {
      'user.id': 'u1',
      'db.system': 'postgresql',
      'thread.id': '-9223372036854775808',
      load: '0.25',
      hit: 'true',
      list: '{"arrayValue":{"values":[{"intValue":"1"}]}}',
      'http.request.method': 'GET',
      'http.route': '/cart',
      'http.status_code': '500',
    },
    Duration: 1500,
    StatusCode: 'Error',
    StatusMessage: 'boom',
    'Events.Timestamp': ['2026-01-02 00:00:00.123456790', '1970-01-01 00:00:00.000000000'],
    'Events.Name': ['exception', 'empty'],
    'Events.Attributes': [
      { 'exception.type': 'E"1', n: '42', d: '0.5', b: 'true', l: '{"arrayValue":{"values":[]}}' },
      {},
    ],
    'Links.TraceId': [traceId],
    'Links.SpanId': ['00f067aa0ba902b7'],
    'Links.TraceState': ['x=y'],
    'Links.Attributes': [{ k: 'v' }],
  })
})

test('kinds, states and roots in the words of the exporter', async () => {
  const values = [0, 1, 2, 3, 4, 5, 6].map((kind) => `('words', ${kind}, ${kind % 3})`).join(', ')
  await ask(`INSERT INTO spans (service, kind, status) VALUES ${values}`)
  expect(
    await ask(
      `SELECT SpanKind, StatusCode, ParentSpanId FROM otel_traces WHERE ServiceName = 'words' ORDER BY SpanKind, StatusCode`,
    ),
  ).toBe(
    [
      'Client\tUnset\t',
      'Consumer\tError\t',
      'Internal\tOk\t',
      'Producer\tOk\t',
      'Server\tError\t',
      'Unspecified\tUnset\t',
      'Unspecified\tUnset',
    ].join('\n'),
  )
})

test('what everybody filters by is looked up in indexes, through the views too', async () => {
  await ask('TRUNCATE TABLE spans')
  await ask(insertSomeSpans(200_000))
  const one = await ask('SELECT TraceId FROM otel_traces LIMIT 1')
  const granules = async (sql: string) => {
    const plan = await ask(`EXPLAIN indexes = 1 ${sql}`)
    const ofSpans = plan.slice(plan.indexOf('weft.spans'))
    const all = [...ofSpans.matchAll(/Granules: (\d+)\/(\d+)/g)].map(
      (match) => [Number(match[1]), Number(match[2])] as const,
    )
    return { read: Math.min(...all.map(([read]) => read)), of: all[0]![1] }
  }
  const everything = await granules('SELECT count(SpanName) FROM otel_traces WHERE Duration > 0')
  expect(everything.of).toBeGreaterThan(20)
  const filters = [
    `Timestamp >= '2026-01-02 00:00:05' AND Timestamp < '2026-01-02 00:00:06'`,
    `ServiceName = 'service-3'`,
    `TraceId = '${one}'`,
  ]
  for (const filter of filters) {
    const { read, of } = await granules(`SELECT SpanName, SpanAttributes FROM otel_traces WHERE ${filter}`)
    expect(read, filter).toBeLessThan(of / 2)
  }
  const span = await granules(`SELECT * FROM otel_traces_trace_id_ts WHERE TraceId = '${one}'`)
  expect(span.read).toBeLessThan(span.of / 2)
  expect(await ask(`SELECT Start <= End FROM otel_traces_trace_id_ts WHERE TraceId = '${one}'`)).toBe('1')
})
