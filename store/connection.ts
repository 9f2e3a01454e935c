import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { Health } from '../base/component.ts'
import { messageOf } from '../base/errors.ts'
import { createLiveness, type Waiting } from './liveness.ts'
import type { Servers } from './servers.ts'

/** As whom a server is asked, and for what. */
export interface Access {
  /** `weft` where there is a password, else `default`. */
  readonly user?: string
  readonly password?: string
  /** `weft` unless said otherwise. */
  readonly database?: string
  /** Certificates (PEM) that an https server's is checked against, instead of the public ones. */
  readonly tlsCa?: Buffer
}

/** One server, and the ways to it. */
export interface Connected {
  readonly url: string
  readonly client: ClickHouseClient
  /** Tells when it is hung. */
  readonly liveness: { wait(): Waiting }
  ping(signal: AbortSignal): Promise<Health>
  close(): Promise<void>
}

/** Longer than any statement may take: what a caller waits for, its signal says. */
const requestTimeoutMs = 600_000
const unanswered = 'a ping was not answered in time'
/** Callers are told within 4 s that the store is hung. */
const hung = { afterMs: 1_000, pingMs: 3_000 }

/** @param database undefined: none, for a statement that makes it */
export function clientOf(access: Access, url: string, database: string | undefined, connections: number) {
  return createClient({
    url,
    username: access.user ?? (access.password ? 'weft' : 'default'),
    password: access.password ?? '',
    ...(database === undefined ? {} : { database }),
    ...(access.tlsCa && url.startsWith('https:') ? { tls: { ca_cert: access.tlsCa } } : {}),
    application: 'weft',
    request_timeout: requestTimeoutMs,
    max_open_connections: connections,
    // Loopback or a data centre: compression costs both sides more than the bytes do.
    compression: { request: false, response: false },
    log: { level: ClickHouseLogLevel.OFF },
  })
}

export function connect(access: Access, url: string, database: string): Connected {
  const client = clientOf(access, url, database, 16)
  // Connections of its own: those of the client may all be waiting for the very store that is asked about.
  const pinger = clientOf(access, url, database, 4)
  const ping: Connected['ping'] = async (signal) => {
    try {
      const answer = await pinger.ping({ select: false, abort_signal: signal })
      if (answer.success) return { ok: true }
      return { ok: false, reason: signal.aborted ? unanswered : messageOf(answer.error) }
    } catch (error) {
      return { ok: false, reason: signal.aborted ? unanswered : messageOf(error) }
    }
  }
  return {
    url,
    client,
    liveness: createLiveness({ ping, ...hung }),
    ping,
    async close() {
      await Promise.all([client.close(), pinger.close()])
    },
  }
}

/** Gives up a server that hangs within seconds, where there is another one to go to; else it is waited for. */
export const waitAt = ({ liveness }: Connected, { all }: Servers<Connected>): Waiting | undefined =>
  all.length > 1 ? liveness.wait() : undefined

/** Well as soon as one of them is, ill when none is: nobody waits for servers that hang while another one serves. */
export function firstWell(asked: readonly Promise<Health>[]): Promise<Health> {
  return new Promise((resolve) => {
    let left = asked.length
    for (const one of asked) {
      void one.then((health) => {
        if (health.ok || --left === 0) resolve(health)
      })
    }
  })
}
