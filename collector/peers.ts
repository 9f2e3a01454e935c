import type { Log } from '../base/log.ts'

const maxPeers = 1_000
const maxAgentLength = 200

/** One log line for each peer that sends a signal that is not served yet, not one for each of its requests. */
export class Peers {
  readonly #log: Log
  readonly #told = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  sentUnserved(signal: string, address: string | undefined, userAgent: string | undefined): void {
    if (this.#told.size >= maxPeers) return
    const agent = userAgent?.slice(0, maxAgentLength)
    const key = `${signal} ${address} ${agent}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#log.warn(
      { signal, peer: address, userAgent: agent },
      `${signal} are not served yet; switch this exporter off`,
    )
    if (this.#told.size === maxPeers) {
      this.#log.warn({ peers: maxPeers }, 'many peers send signals that are not served yet; no more of them are named')
    }
  }
}
