import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { freezeProcess, thawProcess } from '../freeze.ts'
import { javaProgram, kafkaJars } from './jars.ts'

/** A one-node Apache Kafka (KRaft) on loopback, in a folder of its own. */
export interface Broker {
  /** `127.0.0.1:port`; stays the same over restarts. */
  readonly address: string
  readonly folder: string
  readonly pid: number
  /** Starts it again on the data that are there, after `kill` or `shutDown`. */
  start(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** SIGTERM, as a clean stop. */
  shutDown(): Promise<void>
  /** SIGSTOP, awaited until every thread stands still: alive, but answers nothing. */
  freeze(): Promise<void>
  /** SIGCONT. */
  thaw(): void
  /** Ends it and removes its folder. */
  destroy(): Promise<void>
}

export interface BrokerOptions {
  readonly folder?: string
  readonly port?: number
  /** Further lines of server.properties; later ones win. */
  readonly properties?: Readonly<Record<string, string>>
  /** Further ports, by the security protocol that is spoken on each. */
  readonly listeners?: Readonly<Partial<Record<'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL', number>>>
  /** SCRAM users that are there from the beginning, in the words of `kafka-storage --add-scram`. */
  readonly scram?: readonly string[]
  /** It outlives the process that started it: whoever does so ends it by the pid. */
  readonly detached?: boolean
}

/** Starts a broker and resolves once it answers; the first time on a machine it fetches the jars. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'weft-kafka-'))
  mkdirSync(folder, { recursive: true })
  const [port, controllerPort] = [options.port ?? (await freePort()), await freePort()]
  const address = `127.0.0.1:${port}`
  const jars = await kafkaJars()
  const java = [...jvm, '-cp', join(jars, '*')]
  const properties = join(folder, 'server.properties')
  const logFile = join(folder, 'broker.log')
  const listeners = { PLAINTEXT: port, ...options.listeners }
  writeFileSync(
    properties,
    Object.entries({ ...propertiesOf(folder, listeners, controllerPort), ...options.properties })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  if (!existsSync(join(folder, 'data/meta.properties'))) {
    // A fixed cluster id, so that data that were kept always match.
    const format = ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties]
    for (const user of options.scram ?? []) format.push('--add-scram', user)
    const formatted = launch(['-XX:TieredStopAtLevel=1', ...java, 'kafka.tools.StorageTool', ...format], logFile, false)
    const code = await exitOf(formatted)
    if (code !== 0) throw new Error(`Kafka could not format its folder:\n${readFileSync(logFile, 'utf8')}`)
  }

  let child: ChildProcess | undefined
  const start = async () => {
    const started = launch([...java, 'kafka.Kafka', properties], logFile, options.detached ?? false)
    child = started
    const deadline = performance.now() + 90_000
    while (!(await answers(port))) {
      if (started.exitCode !== null || performance.now() > deadline) {
        started.kill('SIGKILL')
        throw new Error(`Kafka does not answer on ${address}:\n${readFileSync(logFile, 'utf8').slice(-4000)}`)
      }
      await pause(50)
    }
  }
  const end = async (signal: NodeJS.Signals) => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    ending.kill('SIGCONT')
    ending.kill(signal)
    await exitOf(ending)
  }
  await start()
  return {
    address,
    folder,
    get pid() {
      return child?.pid ?? 0
    },
    start,
    kill: () => end('SIGKILL'),
    shutDown: () => end('SIGTERM'),
    freeze: () => freezeProcess(child?.pid),
    thaw: () => thawProcess(child?.pid),
    async destroy() {
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const jvm = [
  '-Xms64m',
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-Xshare:auto',
  '-XX:-UsePerfData',
  '-Djava.awt.headless=true',
  '-Djava.net.preferIPv4Stack=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
]

/** Small, quick to start, quick to notice a member that is gone. */
function propertiesOf(
  folder: string,
  listeners: Readonly<Record<string, number>>,
  controllerPort: number,
): Record<string, string> {
  const served = Object.entries(listeners).map(([protocol, port]) => `${protocol}://127.0.0.1:${port}`)
  const protocols = [...Object.keys(listeners).map((name) => `${name}:${name}`), 'CONTROLLER:PLAINTEXT']
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...served, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': served.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': protocols.join(','),
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    'default.replication.factor': '1',
    'min.insync.replicas': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'controller.quorum.election.timeout.ms': '150',
    'controller.quorum.election.backoff.max.ms': '50',
    'controller.quorum.fetch.timeout.ms': '300',
    'initial.broker.registration.timeout.ms': '60000',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'num.recovery.threads.per.data.dir': '2',
    'log.cleaner.dedupe.buffer.size': '8388608',
  }
}

function launch(args: readonly string[], logFile: string, detached: boolean): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    const child = spawn(javaProgram, args, { stdio: ['ignore', log, log], detached })
    if (detached) child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    child.once('error', reject)
    child.once('exit', resolve)
  })
}

/**
 * A real answer, over the Kafka protocol: at least one live broker, which takes no client library of ours.
 *
 *   request  = length:int32 api_key:int16=3 version:int16=4 correlation:int32=7 client_id:string topics:int32=0 bool=0
 *   response = length:int32 correlation:int32 throttle:int32 brokers:int32 …
 */
function answers(port: number): Promise<boolean> {
  const request = Buffer.from('000000110003000400000007000275700000000000', 'hex')
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer: Buffer = Buffer.alloc(0)
    socket.setTimeout(2000, () => socket.destroy())
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length >= 16) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(answer.length >= 16 && answer.readInt32BE(4) === 7 && answer.readInt32BE(12) >= 1))
  })
}
