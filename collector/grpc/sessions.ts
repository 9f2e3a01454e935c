import type { Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Expiring, Sweep } from '../sweep.ts'

// A client says hello (its SETTINGS) at once.
const helloMs = 10_000
// Exporters keep one connection for their whole life; metrics come every minute.
const idleMs = 10 * 60_000
// Longer than a call can last: its answer is there, but is not taken.
const maxCallMs = 55_000
const sessionWindowBytes = 8 * 1024 * 1024

/** Open connections: ends those that never speak, that are idle for long, or whose answers are not read. */
export class Sessions {
  readonly #sweep: Sweep
  readonly #open = new Map<Http2Session, Watch>()

  constructor(sweep: Sweep) {
    this.#sweep = sweep
  }

  opened(session: ServerHttp2Session): void {
    session.setLocalWindowSize(sessionWindowBytes)
    const watch = new Watch(session)
    this.#open.set(session, watch)
    this.#sweep.add(watch)
    session.on('remoteSettings', () => watch.spoke())
    session.on('error', () => {})
    session.on('close', () => {
      this.#open.delete(session)
      this.#sweep.delete(watch)
    })
  }

  called(stream: ServerHttp2Stream): void {
    const watch = stream.session && this.#open.get(stream.session)
    if (watch === undefined) return
    watch.began(stream)
    stream.on('close', () => watch.ended(stream))
  }

  /** GOAWAY to all: calls in flight are finished, new ones go elsewhere. Resolves when the last has ended. */
  async closeAll(signal: AbortSignal): Promise<void> {
    const closing = [...this.#open.keys()].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.on('close', resolve)
          if (signal.aborted) session.destroy()
          else session.close()
        }),
    )
    const destroy = (): void => {
      for (const session of this.#open.keys()) session.destroy()
    }
    signal.addEventListener('abort', destroy)
    await Promise.all(closing)
    signal.removeEventListener('abort', destroy)
  }
}

class Watch implements Expiring {
  // In the order of their beginning, so the first is the oldest.
  readonly #calls = new Map<ServerHttp2Stream, number>()
  readonly #session: ServerHttp2Session
  #idleUntil = performance.now() + helloMs

  constructor(session: ServerHttp2Session) {
    this.#session = session
  }

  get expiresAt(): number {
    const oldest = this.#calls.values().next().value
    return oldest === undefined ? this.#idleUntil : oldest + maxCallMs
  }

  spoke(): void {
    this.#idleUntil = performance.now() + idleMs
  }

  began(stream: ServerHttp2Stream): void {
    this.#calls.set(stream, performance.now())
  }

  ended(stream: ServerHttp2Stream): void {
    this.#calls.delete(stream)
    this.spoke()
  }

  expire(): void {
    if (this.#calls.size === 0) this.#session.close()
    else this.#session.destroy()
  }
}
