import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TraceAnswer } from '../../query-api/types.ts'
import { describeUnlessMissing } from '../not-tested/describe.ts'
import { eventually, type RunningWeft } from '../weft.ts'
import { type Behaviour, behaviours, type Fate } from './behaviour.ts'
import type { Client, Protocol, RunningClient } from './client.ts'
import { askedToWait, type Fault, type FaultServer, startFaultServer } from './fault-server.ts'

const faults: readonly Fault[] = ['overloaded', 'unavailable', 'partial success', 'answer lost']
/** Go and Rotel wait 5 s before their first resend, and more before the second. */
const resendMs = 30_000
/** Downloads and builds, the first time. */
const prepareMs = 600_000
const outageMs = 15_000
/** Go makes its pauses by chance, so that this is enough for certain. */
const patienceSeconds = 60

/** How often the one span of a trace is stored. */
async function copies(weft: RunningWeft, traceId: string): Promise<number> {
  const response = await fetch(`${weft.api}/api/traces/${traceId}`)
  if (response.status === 404) return 0
  const { spanCount, duplicatesRemoved } = (await response.json()) as TraceAnswer
  return spanCount + duplicatesRemoved
}

/** What arrives of a client, and what it does when all is not well; see behaviour.ts. */
export function testClient(client: Client, weftOf: () => RunningWeft): void {
  describeUnlessMissing(`client: ${client.name}`, client.missing, () => {
    let weft: RunningWeft
    const direct = new Map<Protocol, RunningClient>()
    const watched = new Map<Protocol, Watched>()
    beforeAll(async () => {
      weft = weftOf()
      await prepared(client)
      for (const protocol of client.protocols) {
        direct.set(protocol, await client.start(protocol, protocol === 'grpc' ? weft.otlpGrpc : weft.otlpHttp))
        watched.set(protocol, await watch(client, protocol, weft))
      }
    }, prepareMs)
    afterAll(async () => {
      await unwatch(watched.values())
      for (const running of direct.values()) await running.kill()
    })

    test.for(client.protocols)('over %s, what arrives is what it meant', async (protocol) => {
      await client.story(direct.get(protocol)!, weft)
    })

    test('what it sends again, and what it loses', async () => {
      const all = [...watched.values()]
      const rows = behaviours.filter(({ client: name }) => name === client.name)
      await Promise.all(all.map((one) => meetFaults(one, rows)))
      const making = await restart(weft, [...direct.values(), ...all.map(({ running }) => running)], all)
      // To be seen: whatever was not sent again until its end.
      await Promise.all([...making.keys()].map((running) => running.end()))
      const seen = await Promise.all(
        all.map(async (one) => ({ client: client.name, ...(await behaviourOf(one, making.get(one.running)!, weft)) })),
      )
      expect(seen).toEqual(rows.map((row) => ({ ...row, outage: undefined })))
      const directly = await Promise.all(
        [...direct].map(async ([protocol, running]) => {
          return { protocol, restart: await fateOf(making.get(running)!, weft) }
        }),
      )
      expect(directly, 'without the server between').toEqual(
        rows.map(({ protocol, restart: fate }) => ({ protocol, restart: fate })),
      )
      for (const { server } of all) await expectKept(server, weft)
    })
  })
}

/** Nobody answers any of them for longer than they go on by default; all are told to go on. */
export function testOutage(all: readonly Client[], weftOf: () => RunningWeft): void {
  const clients = all.filter(({ missing }) => missing === undefined)
  describe('clients: nobody there', () => {
    const watched: (Watched & { readonly client: string })[] = []
    beforeAll(() => Promise.all(clients.map(prepared)), prepareMs)
    afterAll(() => unwatch(watched))

    test(`what arrives of all of them when Weft is away for ${outageMs / 1_000} s and they may go on for ${patienceSeconds}`, async () => {
      const weft = weftOf()
      for (const client of clients) {
        for (const protocol of client.protocols) {
          watched.push({ client: client.name, ...(await watch(client, protocol, weft, patienceSeconds)) })
        }
      }
      await Promise.all(watched.map(({ running }) => untilHeard(running, weft)))
      await Promise.all(watched.map(({ server }) => server.down()))
      const made = await Promise.all(watched.map(({ running }) => running.trace('while it is away')))
      await pause(outageMs)
      await Promise.all(watched.map(({ server }) => server.up()))
      await Promise.all(watched.map(({ running }) => untilHeard(running, weft)))
      await Promise.all(watched.map(({ running }) => running.end()))
      const seen = await Promise.all(
        watched.map(async ({ client, protocol }, i) => ({ client, protocol, outage: await fateOf([made[i]!], weft) })),
      )
      expect(seen).toEqual(
        clients.flatMap(({ name }) =>
          behaviours
            .filter(({ client }) => client === name)
            .map(({ client, protocol, outage }) => ({ client, protocol, outage })),
        ),
      )
      for (const { server } of watched) await expectKept(server, weft)
    })
  })
}

/** Has a client make spans until one arrives: what is made first after a failure may be lost as well. */
async function untilHeard(running: RunningClient, weft: RunningWeft): Promise<void> {
  const made: string[] = []
  await eventually(async () => {
    made.push(await running.trace(`heard ${made.length}`))
    await pause(500)
    return (await Promise.all(made.map((id) => copies(weft, id)))).some((count) => count > 0)
  }, 60_000).catch((error: unknown) => {
    const said = `${running.stderr()}\nand Weft: ${weft.stderr().slice(-2_000)}`
    throw new Error(`nothing arrives of a client that says:\n${said}`, { cause: error })
  })
}

const preparations = new Map<Client, Promise<void>>()
function prepared(client: Client): Promise<void> {
  const preparation = preparations.get(client) ?? client.prepare()
  preparations.set(client, preparation)
  return preparation
}

/** A client behind a server that sees what it sends. */
interface Watched {
  readonly protocol: Protocol
  readonly server: FaultServer
  readonly running: RunningClient
  /** The trace that met each fault. */
  readonly met: Map<Fault, string>
}

async function watch(client: Client, protocol: Protocol, weft: RunningWeft, timeoutSeconds?: number): Promise<Watched> {
  const server = await startFaultServer(weft)
  const running = await client.start(protocol, protocol === 'grpc' ? server.grpc : server.http, timeoutSeconds)
  return { protocol, server, running, met: new Map() }
}

async function unwatch(watched: Iterable<Watched>): Promise<void> {
  for (const { running, server } of watched) {
    await running.kill()
    await server.close()
  }
}

const attemptsOf = ({ attempts }: FaultServer, id: string | undefined) =>
  attempts.filter(({ traceIds }) => id !== undefined && traceIds.includes(id))

/** Lets a client meet each fault once. */
async function meetFaults({ protocol, server, running, met }: Watched, expected: readonly Behaviour[]): Promise<void> {
  const row = expected.find((behaviour) => behaviour.protocol === protocol)
  for (const fault of faults) {
    server.next(fault)
    const id = await running.trace(fault)
    met.set(fault, id)
    // Whoever is not to send it again goes on, and would be seen to do so until its end.
    const awaited = row?.[fault] === 'not resent' ? 1 : 2
    await eventually(() => attemptsOf(server, id).length >= awaited, resendMs).catch(() => {})
  }
}

/** Kills the collector while the clients make spans, with the servers before it; resolves to the traces of each. */
async function restart(
  weft: RunningWeft,
  clients: readonly RunningClient[],
  watched: readonly Watched[],
): Promise<ReadonlyMap<RunningClient, readonly string[]>> {
  // There are connections that the kill breaks.
  await Promise.all(clients.map((running) => untilHeard(running, weft)))
  const killed = weft.pid('collector')!
  process.kill(killed, 'SIGKILL')
  await Promise.all(watched.map(({ server }) => server.down()))
  const back = eventually(() => fetch(weft.otlpHttp)).then(() => Promise.all(watched.map(({ server }) => server.up())))
  const made = new Map(clients.map((running) => [running, [] as string[]]))
  for (let round = 0; round < 12; round++) {
    for (const [running, ids] of made) ids.push(await running.trace(`during ${round}`))
    await pause(200)
  }
  await back
  expect(weft.pid('collector')).not.toBe(killed)
  await Promise.all(clients.map((running) => untilHeard(running, weft)))
  return made
}

/** What was seen of a client that has ended. */
async function behaviourOf(
  { protocol, server, met }: Watched,
  duringRestart: readonly string[],
  weft: RunningWeft,
): Promise<Omit<Behaviour, 'client' | 'outage'>> {
  const fate = (fault: Fault): Fate => (attemptsOf(server, met.get(fault)).length > 1 ? 'resent' : 'not resent')
  const [first, second] = attemptsOf(server, met.get('overloaded'))
  const waited = second && first && second.at - first.at
  // A timer may be early by a little.
  const asTold = waited !== undefined && waited >= askedToWait.overloaded * 1_000 - 50
  return {
    protocol,
    overloaded: fate('overloaded'),
    unavailable: fate('unavailable'),
    waits: waited === undefined ? 'never' : asTold ? 'as told' : 'less',
    'partial success': fate('partial success'),
    'answer lost': fate('answer lost'),
    restart: await fateOf(duringRestart, weft),
  }
}

async function fateOf(traceIds: readonly string[], weft: RunningWeft): Promise<Behaviour['restart']> {
  const count = () => Promise.all(traceIds.map((id) => copies(weft, id)))
  await eventually(async () => !(await count()).includes(0), 3_000).catch(() => {})
  const counts = await count()
  expect(Math.max(...counts), 'copies of a span').toBeLessThanOrEqual(1)
  return counts.includes(0) ? 'some lost' : 'all arrive'
}

/** What Weft promises: all that it acknowledged is there, once; and so is what it took without being able to say so. */
async function expectKept({ attempts }: FaultServer, weft: RunningWeft): Promise<void> {
  const taken = attempts.filter(({ acknowledged, fault }) => acknowledged || fault === 'answer lost')
  const ids = [...new Set(taken.flatMap(({ traceIds }) => traceIds))]
  const counts = await Promise.all(ids.map((id) => copies(weft, id)))
  expect(ids.filter((_, i) => counts[i] !== 1)).toEqual([])
}
