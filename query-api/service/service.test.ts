import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Asker } from '../questions/ask.ts'
import {
  dataLength,
  dataStart,
  insertSpans,
  openFilled,
  randomData,
  rowOf,
  spanIdOf,
  traceIdOf,
  type TestSpan,
} from '../questions/testing.ts'
import { topology } from '../questions/topology.ts'
import type { QuestionStore } from '../testing.ts'
import { serviceExceptions } from './exceptions.ts'
import { serviceHosts } from './hosts.ts'
import { serviceInstances } from './instances.ts'
import { serviceQueues } from './queues.ts'
import { serviceSeries } from './series.ts'
import { serviceStatements } from './statements.ts'

const { spans, resources: made } = randomData(41, 150)
const resources = made.map((one) => ({
  ...one,
  attributes: {
    ...one.attributes,
    'service.version': `1.${one.id % 2}`,
    ...(one.id < 4 && { 'k8s.pod.name': `pod-${one.id}` }),
  },
}))
const window = { start: dataStart, end: dataStart + dataLength + 200_000_000_000n }
let store: QuestionStore
let asker: Asker

const base: Omit<TestSpan, 'id' | 'attributes'> = {
  trace: 'extra',
  parent: 1,
  service: 'shop',
  name: 'query',
  kind: 3,
  start: dataStart + 5_000_000_000n,
  duration: 1000n,
  invalid: false,
  status: 0,
  resource: 1,
}
const statement = (id: number, key: string, text: string, duration: bigint, system = 'postgresql'): TestSpan => ({
  ...base,
  id,
  duration,
  status: id % 2 === 0 ? 2 : 0,
  attributes: {
    'db.system': { string: system },
    'server.address': { string: 'db1' },
    ...(text !== '' && { [key]: { string: text } }),
  },
})
const statements = [
  statement(1, 'db.query.text', 'SELECT * FROM orders WHERE id = 17', 5000n),
  statement(2, 'db.statement', 'SELECT * FROM orders WHERE id = 42', 7000n),
  statement(3, 'db.query.summary', 'INSERT orders', 900n),
  statement(4, '', '', 50_000n, 'redis'),
]

const carrying = (
  id: number,
  kind: number,
  duration: bigint,
  attributes: Readonly<Record<string, string>>,
): TestSpan => ({
  ...base,
  id,
  trace: `carried-${id}`,
  service: 'mover',
  name: `GET ${id % 2}`,
  kind,
  duration,
  status: id === 21 ? 2 : 0,
  attributes: Object.fromEntries(Object.entries(attributes).map(([key, string]) => [key, { string }])),
})
const topic = { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders' }
const messages = [
  carrying(20, 4, 10n, topic),
  carrying(21, 4, 30n, { ...topic, 'messaging.operation': 'publish' }),
  carrying(22, 3, 500n, { ...topic, 'messaging.operation.type': 'receive' }),
  carrying(23, 5, 7n, { ...topic, 'messaging.operation.type': 'process' }),
  carrying(24, 4, 1n, { 'messaging.system': 'sqs' }),
  // A consumer that names no topic takes from none that is known.
  carrying(25, 5, 9n, { 'messaging.system': 'kafka' }),
]
const answered = carrying(34, 3, 99n, { 'server.address': 'inside.example' })
const calls = [
  carrying(30, 3, 100n, { 'server.address': 'api.example' }),
  carrying(32, 3, 300n, { 'url.full': 'https://me:secret@api.example:8443/a?b=c' }),
  carrying(31, 3, 20n, { 'peer.service': 'partner', 'server.address': 'api.example' }),
  answered,
  { ...answered, id: 35, parent: 34, service: 'inside', kind: 2, attributes: {} },
  // A producer's URL is where its messages go through.
  carrying(37, 4, 5n, { 'url.full': 'https://broker.example' }),
  // Neither a database nor a topic is a host.
  carrying(36, 3, 5n, { 'db.system.name': 'redis', 'server.address': 'cache.example' }),
]

const stacks = {
  node: 'TypeError: x is undefined\n    at charge (/app/pay.js:10:5)\n    at main (/app/main.js:1:1)',
  python:
    'Traceback (most recent call last):\n  File "/app/main.py", line 3, in main\n    run()\n  File "/app/pay.py", line 9, in charge\n    raise KeyError(x)\nKeyError: 1',
  java: 'java.lang.IllegalStateException: no\n\tat com.shop.Pay.charge(Pay.java:12)\n\tat com.shop.Main.main(Main.java:3)',
}
/** A row with events: what the helpers for plain spans do not write. */
function thrown(
  id: number,
  events: readonly { at: bigint; type: string; message: string; stack: string }[],
  resource: number,
): object {
  const attributes = ({ type, message, stack }: (typeof events)[number]): string =>
    JSON.stringify(
      Object.entries({ 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack }).map(
        ([key, value]) => ({ key, value: { stringValue: value } }),
      ),
    )
  return {
    ...rowOf({ ...base, id, trace: `thrown-${id}`, kind: 2, name: `op-${id}`, resource, attributes: {} }),
    'events.time_ns': [...events.map(({ at }) => String(at)), '1'],
    'events.name': [...events.map(() => 'exception'), 'other'],
    'events.attributes': [...events.map(attributes), ''],
    'events.dropped_attributes_count': [...events.map(() => 0), 0],
  }
}

beforeAll(async () => {
  ;({ store, asker } = await openFilled([...spans, ...statements, ...messages, ...calls], resources))
  await store.insert('spans', [
    thrown(10, [{ at: 100n, type: 'TypeError', message: 'first', stack: stacks.node }], 1),
    thrown(11, [{ at: 300n, type: 'TypeError', message: 'last', stack: stacks.node }], 2),
    thrown(12, [{ at: 50n, type: 'KeyError', message: '1', stack: stacks.python }], 1),
    thrown(13, [{ at: 60n, type: 'java.lang.IllegalStateException', message: '', stack: stacks.java }], 1),
    thrown(14, [{ at: 70n, type: 'it\'s "odd"', message: '<b>', stack: '' }], 1),
  ])
})
afterAll(() => store?.close())

describe('a service', () => {
  const own = spans.filter(({ service }) => service === 'svc-1')
  const served = own.filter(({ kind, parent }) => kind === 2 || kind === 5 || (kind === 1 && parent === 0))

  test('its requests over time', async () => {
    const answer = await serviceSeries(asker, window, 'svc-1')
    const step = BigInt(answer.step)
    for (const [at, time] of answer.times.entries()) {
      const inStep = served.filter(({ start }) => start > BigInt(time) - step && start <= BigInt(time))
      const sorted = inStep
        .filter(({ invalid }) => !invalid)
        .map(({ duration }) => duration)
        .sort((a, b) => (a < b ? -1 : 1))
      expect([answer.requests[at], answer.errors[at], answer.p50[at]]).toEqual([
        inStep.length,
        inStep.filter(({ status }) => status === 2).length,
        sorted.length === 0 ? null : String(sorted[Math.floor(sorted.length / 2)]),
      ])
    }
    expect(answer.requests.reduce((a, b) => a + b)).toBe(served.length)
    expect(answer.spans.reduce((a, b) => a + b)).toBe(own.length)
    expect(answer.busyNanos).toBe(
      served.reduce((sum, { invalid, duration }) => sum + (invalid ? 0 : Number(duration)), 0),
    )
  })

  test('its versions and instances', async () => {
    const { versions, instances } = await serviceInstances(asker, window, 'svc-1')
    const by = (key: (id: number) => string): Map<string, TestSpan[]> =>
      Map.groupBy(own, ({ resource }) => key(resource))
    const told = (of: typeof versions): object =>
      new Map(
        of.map(({ name, spans: many, requests, firstSeenUnixNano }) => [name, [many, requests, firstSeenUnixNano]]),
      )
    const expected = (of: Map<string, TestSpan[]>): object =>
      new Map(
        [...of].map(([name, list]) => [
          name,
          [
            list.length,
            list.filter((span) => served.includes(span)).length,
            String(list.map(({ start }) => start).reduce((a, b) => (a < b ? a : b))),
          ],
        ]),
      )
    const held = (id: number): Record<string, string> => resources.find((one) => one.id === id)?.attributes ?? {}
    expect(told(versions)).toEqual(expected(by((id) => held(id)['service.version'] ?? '')))
    expect(told(instances)).toEqual(expected(by((id) => held(id)['k8s.pod.name'] ?? held(id)['host.name'] ?? '')))
  })
})

test('statements without their literals, under either name of the convention', async () => {
  const answer = await serviceStatements(asker, window, 'shop')
  expect(
    answer.statements.map(({ system, instance, statement: text, requests, errors, totalNanos, p50 }) => [
      system,
      instance,
      text,
      requests,
      errors,
      totalNanos,
      p50,
    ]),
  ).toEqual([
    ['redis', 'db1', 'query', 1, 1, 50_000, '50000'],
    ['postgresql', 'db1', 'SELECT * FROM orders WHERE id = ?', 2, 1, 12_000, '7000'],
    ['postgresql', 'db1', 'INSERT orders', 1, 0, 900, '900'],
  ])
  expect(answer.statements[0]?.slowestTraceId).toBe(traceIdOf('extra'))
})

test('topics by what is done with them, under either name of the convention', async () => {
  const { queues } = await serviceQueues(asker, window, 'mover')
  expect(
    queues.map(({ system, destination, operation, requests, errors, totalNanos, p99 }) =>
      [system, destination, operation, requests, errors, totalNanos, p99].join(' '),
    ),
  ).toEqual([
    'kafka orders receive 1 0 500 500',
    'kafka orders send 2 1 40 30',
    'kafka orders process 1 0 7 7',
    'sqs  send 1 0 1 1',
  ])
  expect(queues[1]?.slowestTraceId).toBe(traceIdOf('carried-21'))
})

test('hosts that answered with no span of their own, named as in topology', async () => {
  const { hosts } = await serviceHosts(asker, window, 'mover')
  expect(hosts.map(({ host, operation, requests, totalNanos }) => [host, operation, requests, totalNanos])).toEqual([
    ['api.example', 'GET 0', 2, 400],
    ['partner', 'GET 1', 1, 20],
  ])
  for (const service of ['mover', 'svc-0', 'svc-1', 'svc-2', 'svc-3']) {
    const [own, { nodes, edges }] = await Promise.all([
      serviceHosts(asker, window, service),
      topology(asker, window, service),
    ])
    const external = new Map(nodes.flatMap(({ id, type, name }) => (type === 'external' ? [[id, name]] : [])))
    const made = edges.flatMap(({ source, target, requests }): [string, number][] => {
      const name = external.get(target)
      return name === undefined || source !== `service:${service}` ? [] : [[name, requests]]
    })
    const sums = Map.groupBy(own.hosts, ({ host }) => host)
    expect(new Map([...sums].map(([host, of]) => [host, of.reduce((sum, { requests }) => sum + requests, 0)]))).toEqual(
      new Map(made),
    )
  }
})

test('a call whose callee may still be on its way is not told as one of a host yet', async () => {
  const now = BigInt(Date.now()) * 1_000_000n
  const start = now - 60_000_000_000n
  const lasting = (id: number, seconds: bigint, attributes: Readonly<Record<string, string>>): TestSpan => ({
    ...carrying(id, 3, seconds * 1_000_000_000n, attributes),
    service: 'live',
    start,
  })
  const called = lasting(44, 59n, { 'server.address': '10.0.0.9' })
  await insertSpans(store, [
    lasting(40, 30n, { 'server.address': 'api.example' }),
    lasting(41, 59n, { 'server.address': '10.0.0.7' }),
    lasting(42, 59n, { 'url.full': 'http://10.0.0.8/a' }),
    lasting(43, 59n, { 'db.system.name': 'redis', 'server.address': '10.0.0.9' }),
    called,
    { ...called, id: 45, parent: 44, service: 'inside', kind: 2, attributes: {} },
  ])
  const live = { start, end: now + 60_000_000_000n }
  const { edges } = await topology(asker, live, 'live')
  expect(edges.map(({ target }) => target).toSorted()).toEqual([
    'database:redis/10.0.0.9',
    'external:api.example',
    'service:inside',
  ])
  const { hosts } = await serviceHosts(asker, live, 'live')
  expect(hosts.map(({ host }) => host)).toEqual(['api.example'])
})

test('exceptions by type and place in the stack', async () => {
  const { exceptions } = await serviceExceptions(asker, window, 'shop')
  expect(exceptions[0]).toEqual({
    type: 'TypeError',
    place: 'charge (/app/pay.js:10:5)',
    count: 2,
    firstSeenUnixNano: '100',
    lastSeenUnixNano: '300',
    message: 'last',
    stack: stacks.node,
    operation: 'op-11',
    example: { traceId: traceIdOf('thrown-11'), spanId: spanIdOf(11) },
    versions: ['1.0', '1.1'],
  })
  expect(new Map(exceptions.map(({ type, place }) => [type, place]))).toEqual(
    new Map([
      ['TypeError', 'charge (/app/pay.js:10:5)'],
      ['KeyError', 'File "/app/pay.py", line 9, in charge'],
      ['java.lang.IllegalStateException', 'com.shop.Pay.charge(Pay.java:12)'],
      [`it's "odd"`, ''],
    ]),
  )
})
