import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runLoad } from '../bench/load/index.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import { type RoleProcess, startCluster } from './cluster.ts'
import { told } from './crash.ts'
import { describeWithKafka, describeWithOwnBroker, uniqueTopic } from './kafka/testing.ts'
import { compare } from './ledger.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

/** Longer than the balancer needs to notice, and than any of the clients is silent. */
const drain = '2s'

/** Each of two replicas is replaced in turn, as a Deployment does it: first there is a new one, then the old one stops. */
async function replaceEach(
  replicas: readonly RoleProcess[],
  start: () => Promise<RoleProcess>,
  share: (all: readonly RoleProcess[]) => void,
): Promise<void> {
  let now = replicas
  for (const old of replicas) {
    const next = await start()
    now = [...now, next]
    share(now)
    await pause(1_000)
    expect(await old.stop()).toBe(0)
    now = now.filter((one) => one !== old)
    share(now)
    await pause(1_000)
  }
}

const portOf = (address: string | undefined) => Number(address?.slice(address.lastIndexOf(':') + 1))

describeWithKafka('Kafka: rolling restarts behind a load balancer', (address) => {
  test('of collectors: no client sees an error, and every acknowledged span is stored once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
    const ledger = join(folder, 'ledger')
    const cluster = await startCluster(address(), uniqueTopic())
    const balancers: Balancer[] = []
    try {
      const start = () => cluster.startCollector({ 'kafka-partitions': '4', drain })
      const ingest = await cluster.startIngest()
      const replicas = [await start(), await start()]
      const ways = { http: await startBalancer(), grpc: await startBalancer() }
      balancers.push(ways.http, ways.grpc)
      const share = (all: readonly RoleProcess[]) => {
        ways.http.share(all.map(({ facts, admin }) => ({ port: portOf(facts['otlpHttp']), admin })))
        ways.grpc.share(all.map(({ facts, admin }) => ({ port: portOf(facts['otlpGrpc']), admin })))
      }
      share(replicas)
      await pause(500)
      const ended = new AbortController()
      const loads = (['http', 'grpc'] as const).map((protocol, seed) =>
        runLoad({
          url: ways[protocol].url,
          protocol,
          rate: 1_000,
          size: 20,
          seconds: 600,
          poolSpans: 1_000,
          ledger,
          connections: 6,
          timeoutMs: 15_000,
          seed: seed + 1,
          signal: ended.signal,
        }),
      )
      await pause(1_000)
      await replaceEach(replicas, start, share)
      ended.abort()
      const results = await Promise.all(loads)
      await eventually(async () => (await ingest.metric('weft_queue_lag_records')) === 0, 60_000)
      const verdict = await compare({ clickhouse: cluster.store.url }, ledger)
      told('a rolling restart of collectors', verdict)
      process.stdout.write(`over HTTP and gRPC: ${JSON.stringify(results.map(({ requests }) => requests))} requests\n`)
      expect(balancers.map(({ refused }) => refused)).toEqual([[], []])
      for (const { requests, reasons } of results) {
        expect(requests).toBeGreaterThan(100)
        // The end of the load itself may cut off what is under way.
        expect(Object.keys(reasons).filter((why) => !/abort/i.test(why))).toEqual([])
      }
      expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
    } finally {
      for (const balancer of balancers) await balancer.close()
      await cluster.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('of query APIs: every question is answered', async () => {
    const cluster = await startCluster(address(), uniqueTopic())
    const balancer = await startBalancer()
    try {
      const start = () => cluster.startQueryApi({ drain })
      const replicas = [await start(), await start()]
      const share = (all: readonly RoleProcess[]) =>
        balancer.share(all.map(({ facts, admin }) => ({ port: portOf(facts['http']), admin })))
      share(replicas)
      await pause(500)
      const done = new AbortController()
      const answers: Record<string, number> = {}
      const ask = async () => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        while (!done.signal.aborted) {
          const answer = await statusOf(`${balancer.url}/api/services`, agent)
          answers[answer] = (answers[answer] ?? 0) + 1
          await pause(20)
        }
        agent.destroy()
      }
      const asking = [ask(), ask(), ask(), ask()]
      await replaceEach(replicas, start, share)
      done.abort()
      await Promise.all(asking)
      process.stdout.write(`answers of the query APIs: ${JSON.stringify(answers)}\n`)
      expect(Object.keys(answers)).toEqual(['200'])
      expect(answers['200']).toBeGreaterThan(200)
      expect(balancer.refused).toEqual([])
    } finally {
      await balancer.close()
      await cluster.close()
    }
  })
})

describeWithOwnBroker('Kafka: what a collector says of itself', (broker) => {
  test('while its broker is away: alive, ready to say "later", not healthy', async () => {
    const cluster = await startCluster(broker().address, uniqueTopic())
    try {
      const collector = await cluster.startCollector()
      const states = async () =>
        Promise.all(
          ['livez', 'readyz', 'healthz'].map(async (name) => (await fetch(`${collector.admin}/${name}`)).status),
        )
      const send = () => post(`http://${collector.facts['otlpHttp']}`, encode(messageOf('shop', [spanOf({})])))
      expect(await states()).toEqual([200, 200, 200])
      expect((await send()).status).toBe(200)
      await broker().kill()
      const refused = await send()
      expect([refused.status, Number(refused.headers.get('retry-after')) >= 1]).toEqual([503, true])
      await eventually(async () => (await states())[2] === 503)
      expect(await states()).toEqual([200, 200, 503])
      await broker().start()
      await eventually(async () => (await send()).status === 200)
      await eventually(async () => (await states())[2] === 200)
    } finally {
      await cluster.close()
    }
  })
})

function statusOf(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.on('error', (error) => resolve(error.message))
      response.on('end', () => resolve(String(response.statusCode)))
      response.resume()
    }).on('error', (error) => resolve(error.message))
  })
}
