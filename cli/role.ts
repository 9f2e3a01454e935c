import type { Server } from 'node:http'
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { AppError, messageOf } from '../base/errors.ts'
import type { Health } from '../base/component.ts'
import type { Log } from '../base/log.ts'
import { serveAdmin } from './admin.ts'
import type { Address } from './address.ts'
import { Asker, type Facts, type Message } from './messages.ts'

/** How long a role may take to finish what it has begun before it is ended all the same. */
export const stopWithinMs = 25_000
/**
 * The same where the supervising process is gone: the other roles end at this moment too, so what needs them would wait in
 * vain, and a new start wants the locks. What is unfinished lies in the queue.
 */
const orphanedStopWithinMs = 500

/** What every role is given to start with. */
export interface RoleContext {
  readonly log: Log
  readonly metrics: Registry
  /** Aborts when the role is told to stop before it was ready. */
  readonly signal: AbortSignal
  /** The process that started this one, where there is one: it knows all the roles. */
  readonly parent: Asker | undefined
}

export interface RunningRole {
  readonly facts: Facts
  health(): Health
  /** It goes on serving, but each client is sent elsewhere with its next answer; `close` follows. */
  drain?(): void
  /** Ends in the order of the data's way; what was acknowledged is durable before it settles. */
  close(signal: AbortSignal): Promise<void>
}

export interface RoleOptions {
  readonly logLevel: string
  readonly admin?: Address
  /** How long it goes on serving once it was told to stop and says that it is not ready, in seconds; default 0. */
  readonly drain?: number
}

/**
 * Runs one role as this process: starts it, says so, answers questions about it, and stops it on SIGTERM, SIGINT, the
 * parent's word, or the parent's end. Exits 0 after an orderly stop, 1 when it could not start or stop.
 */
export async function runRole(
  name: string,
  options: RoleOptions,
  start: (context: RoleContext) => Promise<RunningRole>,
): Promise<void> {
  // Written synchronously to stderr: what a role says last must not be lost with it.
  const log = pino(
    { level: options.logLevel, base: { role: name, pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  )
  const metrics = new Registry()
  metrics.setDefaultLabels({ role: name })
  collectDefaultMetrics({ register: metrics })

  const supervised = process.send !== undefined
  const tell = (message: Message) => {
    // A parent that has just died is told by `disconnect`, not by an error here.
    if (process.connected) process.send?.(message, () => {})
  }
  const parent = supervised ? new Asker(tell) : undefined
  const starting = new AbortController()
  /** Told to stop once more: without draining. */
  const hurry = new AbortController()
  let running: RunningRole | undefined
  let admin: Server | undefined
  let stopping = false

  const stop = async (why: string, withinMs = stopWithinMs) => {
    if (stopping) {
      hurry.abort()
      return
    }
    stopping = true
    starting.abort(new AppError('UNAVAILABLE', 'stopping'))
    if (!running) process.exit(0)
    log.info({ why }, 'stopping')
    const drain = options.drain ?? 0
    if (drain > 0) {
      // Whoever shares out connections needs a moment to notice; until then new ones come, and are served.
      running.drain?.()
      await sleep(drain * 1_000, undefined, { signal: hurry.signal }).catch(() => {})
    }
    const deadline = AbortSignal.timeout(withinMs)
    setTimeout(() => process.exit(1), withinMs + 2_000).unref()
    try {
      await running.close(deadline)
      admin?.close()
      process.exit(0)
    } catch (error) {
      log.error({ error: messageOf(error) }, 'did not stop in order')
      process.exit(1)
    }
  }

  const health = (): Health => running?.health() ?? { ok: false, reason: 'starting' }
  const ready = (): Health => {
    if (stopping) return { ok: false, reason: 'stopping' }
    return running ? { ok: true } : { ok: false, reason: 'starting' }
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  // Ctrl-C reaches the whole process group at once; the supervisor then stops its roles one after another.
  process.on('SIGINT', () => {
    if (!supervised) void stop('SIGINT')
  })
  process.on('SIGHUP', () => {
    if (!supervised) void stop('SIGHUP')
  })
  process.on('disconnect', () => void stop('the supervising process ended', orphanedStopWithinMs))
  process.on('message', (message: Message) => {
    if (message.type === 'stop') void stop('told to')
    else if (message.type === 'answer') parent?.answered(message.id, message.value)
    else if (message.type === 'ask') {
      const { id, what } = message
      void (what === 'metrics' ? metricsOf(metrics, log) : Promise.resolve(health())).then((value) =>
        tell({ type: 'answer', id, value }),
      )
    }
  })

  try {
    // First of all: a role that waits for its store says so.
    if (options.admin) admin = await serveAdmin(options.admin, { ready, health, metrics: () => metrics.metrics() })
    running = await start({ log, metrics, signal: starting.signal, parent })
  } catch (error) {
    if (stopping) process.exit(0)
    const message = explain(error)
    if (!(error instanceof AppError))
      log.error({ error: error instanceof Error ? error.stack : error }, 'could not start')
    if (supervised) {
      process.send?.({ type: 'failed', message } satisfies Message, () => process.exit(1))
      return
    }
    process.stderr.write(`weft ${name}: ${message}\n`)
    process.exit(1)
  }
  log.info({ ...running.facts }, 'ready')
  tell({ type: 'ready', facts: running.facts })
}

/** The role's figures for the process that asks; undefined while one of them cannot be told. Never rejects. */
export async function metricsOf(registry: Registry, log: Log): Promise<unknown> {
  try {
    return await registry.getMetricsAsJSON()
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'the metrics cannot be told now')
    return undefined
  }
}

/** One line for the person who started it; a refused address is said alike, whichever room was refused. */
export function explain(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!('code' in cause && 'address' in cause && 'port' in cause)) continue
    const at = `${String(cause.address)}:${String(cause.port)}`
    if (cause.code === 'EADDRINUSE') return `${at} is in use by another program`
    if (cause.code === 'EACCES') return `may not listen on ${at} (permission denied)`
    if (cause.code === 'EADDRNOTAVAIL') return `${at} is not an address of this machine`
  }
  return messageOf(error)
}

/** All roles' own metrics in one Prometheus text; each carries its role as a label. */
export async function metricsText(byRole: readonly unknown[]): Promise<string> {
  const known = byRole.filter((json) => Array.isArray(json))
  return AggregatorRegistry.aggregate(known as Parameters<typeof AggregatorRegistry.aggregate>[0]).metrics()
}
