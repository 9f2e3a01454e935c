import { spawn } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { encode, hexOf, messageOf, newTraceId, spanOf, stringAttribute } from './requests.ts'

const placeholder = 'key-000000000000'

/** One request of many spans whose `ledger.key`s are others each time it is made anew. */
export class LargeRequest {
  readonly body: Buffer
  readonly #places: readonly number[]
  readonly #name: string
  #round = 0

  /** @param name of 5 characters, no two alike */
  constructor(name: string, bytes: number, spanBytes = 10 * 1024) {
    const ballast = stringAttribute('ballast', hexOf(newTraceId()).repeat(Math.ceil(spanBytes / 32)))
    const spans = Array.from({ length: Math.max(Math.floor(bytes / spanBytes), 1) }, () =>
      spanOf({ attributes: [stringAttribute('ledger.key', placeholder), ballast] }),
    )
    this.body = encode(messageOf('flood', spans))
    const places: number[] = []
    for (let at = -1; (at = this.body.indexOf(placeholder, at + 1)) >= 0;) places.push(at)
    this.#places = places
    this.#name = name
  }

  renew(): void {
    this.#round++
    for (const [index, place] of this.#places.entries()) this.body.write(this.#key(index), place, 'latin1')
  }

  keys(): string[] {
    return this.#places.map((_, index) => this.#key(index))
  }

  #key(index: number): string {
    return `${this.#name.padEnd(5)}${String(this.#round).padStart(5, '0')}-${String(index).padStart(5, '0')}`
  }
}

export interface Flood {
  readonly sent: number
  readonly acknowledged: number
  /** How often each status was answered; 0 for a connection that ended without an answer. */
  readonly statuses: Readonly<Record<number, number>>
  readonly unhinted: number
}

/**
 * POSTs over a connection of its own, which may be answered before all was sent.
 *
 * @param localAddress of 127/8: who it comes from
 */
export function postLarge(
  otlpHttp: string,
  body: Buffer,
  localAddress = '127.0.0.1',
): Promise<{ status: number; hint: number }> {
  return new Promise((resolve) => {
    const request = httpRequest(
      `${otlpHttp}/v1/traces`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
        localAddress,
      },
      (response) => {
        response.resume()
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, hint: Number(response.headers['retry-after'] ?? 0) }),
        )
        response.once('error', () => resolve({ status: 0, hint: 0 }))
      },
    )
    request.setTimeout(60_000, () => request.destroy())
    request.once('error', () => resolve({ status: 0, hint: 0 }))
    request.end(body)
  })
}

/**
 * Sends large requests, with a client for each, until the signal aborts; what is refused is sent again when the answer says,
 * until it is acknowledged.
 *
 * @param acknowledged told the keys of each request that was
 */
export async function flood(
  otlpHttp: string,
  requests: readonly LargeRequest[],
  acknowledged: (keys: readonly string[]) => void,
  signal: AbortSignal,
): Promise<Flood> {
  const statuses: Record<number, number> = {}
  let [sent, acks, unhinted] = [0, 0, 0]
  await Promise.all(
    requests.map(async (request) => {
      while (!signal.aborted) {
        request.renew()
        sent++
        for (;;) {
          const { status, hint } = await postLarge(otlpHttp, request.body)
          statuses[status] = (statuses[status] ?? 0) + 1
          if (status === 200) break
          if ((status === 503 || status === 429) && hint < 1) unhinted++
          await pause(Math.max(hint, 0.2) * 1_000)
        }
        acks++
        acknowledged(request.keys())
      }
    }),
  )
  return { sent, acknowledged: acks, statuses, unhinted }
}

export interface Bystander {
  readonly statuses: readonly number[]
  readonly longestMs: number
}

/** Sends small requests from another address, one after the other, until `end`; how they were answered. */
export function startBystander(otlpHttp: string): { end(): Promise<Bystander> } {
  const child = spawn(process.execPath, [fileURLToPath(new URL('bystander.ts', import.meta.url)), otlpHttp], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const text = child.stdout.setEncoding('utf8').toArray()
  return {
    async end() {
      child.stdin.end()
      return JSON.parse((await text).join('')) as Bystander
    },
  }
}
