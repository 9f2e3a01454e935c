import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithKafka, uniqueTopic } from '../../../test/kafka/testing.ts'
import { describeUnlessMissing } from '../../../test/not-tested/describe.ts'
import { type Generation, spansOf } from './libraries.ts'
import type { ReceivedSpan } from './receiver.ts'
import { type Servers, startServers, whyNoServers } from './servers/servers.ts'

const cases: [Generation, string][] = [
  ['newest', 'clients-required.cjs'],
  ['newest', 'clients-imported.mjs'],
  ['older', 'clients-required.cjs'],
  ['older', 'clients-imported.mjs'],
]

/** A span and those below it in the order in which they began: kind, name, system, statement, and what went wrong. */
function lines(span: ReceivedSpan, all: readonly ReceivedSpan[], indent = ''): string[] {
  const { kind, name, attributes, status } = span
  const text = (key: string): string | undefined => (typeof attributes[key] === 'string' ? attributes[key] : undefined)
  const parts = [
    kind,
    name,
    text('db.system.name') ?? text('messaging.system'),
    text('db.query.text') ?? text('messaging.destination.name'),
    status.code === 'ERROR' ? `ERROR ${status.message.split(', ')[0]}` : undefined,
  ]
  const below = all.filter(({ parentSpanId }) => parentSpanId === span.spanId)
  return [
    `${indent}${parts.filter((part) => part !== undefined).join(' | ')}`,
    ...below.flatMap((child) => lines(child, all, `${indent}  `)),
  ]
}

const expected = `
INTERNAL | pg
  CLIENT | pg.query:CREATE postgres | postgresql | CREATE TABLE IF NOT EXISTS lamps (name TEXT)
  CLIENT | pg.query:INSERT postgres | postgresql | INSERT INTO lamps VALUES ($1)
  CLIENT | pg.query:by name postgres | postgresql | SELECT name FROM lamps WHERE name = $1
  CLIENT | pg.query:SELECT postgres | postgresql | SELECT name FROM lamps WHERE name = ?
  CLIENT | pg.query:SELECT postgres | postgresql | SELECT ? FROM missing | ERROR relation "missing" does not exist
INTERNAL | pg pool
  CLIENT | pg.query:SELECT postgres | postgresql | SELECT ?
  CLIENT | pg.query:SELECT postgres | postgresql | SELECT ?
INTERNAL | mysql2
  CLIENT | CREATE | mysql | CREATE DATABASE IF NOT EXISTS shop
  CLIENT | CREATE | mysql | CREATE TABLE IF NOT EXISTS shop.lamps (name VARCHAR(?))
  CLIENT | INSERT | mysql | INSERT INTO shop.lamps VALUES (?)
  CLIENT | SELECT | mysql | SELECT name FROM shop.lamps WHERE name = ?
  CLIENT | SELECT | mysql | SELECT ? FROM shop.missing | ERROR Table 'shop.missing' doesn't exist
INTERNAL | mysql2 pool
  CLIENT | SELECT | mysql | SELECT name FROM lamps WHERE name = ?
INTERNAL | mongodb
  CLIENT | insert lamps | mongodb | {"name":"?","_id":"?"}
  CLIENT | find lamps | mongodb | {"find":"?","filter":{"name":"?"},"limit":"?","singleBatch":"?"}
  CLIENT | update lamps | mongodb | {"update":"?","updates":[{"q":{"name":"?"},"u":{"$set":{"name":"?"}}}],"ordered":"?"}
  CLIENT | aggregate lamps | mongodb | {"aggregate":"?","pipeline":[{"$match":{"name":"?"}}],"cursor":{}}
  CLIENT | nonsense $cmd | mongodb | {"nonsense":"?"} | ERROR no such command: 'nonsense'
INTERNAL | redis
  CLIENT | redis-connect | redis
  CLIENT | redis-SET | redis | SET lamp ?
  CLIENT | redis-GET | redis | GET lamp
  CLIENT | redis-HSET | redis | HSET lamps ? ?
  CLIENT | redis-HGET | redis | HGET lamps ?
  CLIENT | redis-EVAL | redis | EVAL ? ? ? ?
  CLIENT | redis-NONSENSE | redis | NONSENSE | ERROR ERR unknown command \`NONSENSE\`
INTERNAL | ioredis
  CLIENT | connect | redis | connect
  CLIENT | set | redis | set lamp ?
  CLIENT | get | redis | get lamp
  CLIENT | multi | redis | multi
  CLIENT | hset | redis | hset lamps ? ?
  CLIENT | hget | redis | hget lamps ?
  CLIENT | exec | redis | exec
  CLIENT | eval | redis | eval ? ? ? ?
  CLIENT | NONSENSE | redis | NONSENSE | ERROR ERR unknown command \`NONSENSE\`
  CLIENT | quit | redis | quit
INTERNAL | amqplib
  PRODUCER | publish <default> | apache qpid broker-j core | lamps
    CONSUMER | lamps process | apache qpid broker-j core | lamps
  PRODUCER | publish <default> | apache qpid broker-j core | nowhere
INTERNAL | kafkajs
  PRODUCER | send TOPIC | kafka | TOPIC
    CONSUMER | process TOPIC | kafka | TOPIC
  PRODUCER | send TOPIC | kafka | TOPIC
    CONSUMER | process TOPIC | kafka | TOPIC
`.trim()

describeUnlessMissing('the agent and real servers', await whyNoServers(), () => {
  let servers: Servers
  beforeAll(async () => void (servers = await startServers()), 300_000)
  afterAll(() => servers?.end())

  describeWithKafka('and Kafka', (broker) => {
    test.each(cases)('%s clients, %s: each call is told, without what it is about', async (generation, program) => {
      const topic = uniqueTopic()
      const { spans } = await spansOf(generation, program, { ...servers.env, BROKER: broker(), TOPIC: topic })
      const requests = spans.filter(({ parentSpanId }) => parentSpanId === undefined)
      // Whatever a client says by itself when it ends is none of the program's calls.
      const told = requests.flatMap((request) => lines(request, spans)).filter((line) => !line.includes('endSessions'))
      expect(told.join('\n').replaceAll(topic, 'TOPIC')).toBe(expected)
      expect(JSON.stringify(spans)).not.toContain('secret')
      for (const { kind, name, traceId, attributes } of spans) {
        if (kind !== 'INTERNAL') expect(requests.map((request) => request.traceId)).toContain(traceId)
        if (kind === 'CLIENT') expect(attributes, name).toMatchObject({ 'server.address': '127.0.0.1' })
        if (kind === 'PRODUCER') expect(attributes, name).toMatchObject({ 'messaging.operation.type': 'send' })
        if (kind !== 'CONSUMER') continue
        // The program's own code ran within it.
        expect(attributes, name).toMatchObject({ within: true, 'messaging.operation.type': 'process' })
      }
    })
  })
})
