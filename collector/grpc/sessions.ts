import {
  constants,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Expiring, Sweep } from '../sweep.ts'

// A client says hello (its SETTINGS) at once.
const helloMs = 10_000
// Exporters keep one connection for their whole life; metrics come every minute.
const idleMs = 10 * 60_000
// Longer than a call can last: its answer is there, but is not taken.
const maxCallMs = 55_000
// For a peer to close its side after GOAWAY.
const farewellMs = 5_000
const highestStreamId = 2 ** 31 - 1
const sessionWindowBytes = 8 * 1024 * 1024

/** Open connections: ends those that never speak, that are idle for long, or whose answers are not read. */
export class Sessions {
  readonly #sweep: Sweep
  readonly #open = new Map<Http2Session, Watch>()
  #connecting: Socket | undefined

  constructor(server: Http2Server, sweep: Sweep) {
    this.#sweep = sweep
    // A session that was closed in good order leaves its socket to the peer, even when it is destroyed later, and hides
    // it from us. The server makes the session within its own `connection` listener, which comes after this one.
    server.prependListener('connection', (socket: Socket) => {
      this.#connecting = socket
    })
    server.on('session', (session: ServerHttp2Session) => this.#opened(session))
  }

  #opened(session: ServerHttp2Session): void {
    session.setLocalWindowSize(sessionWindowBytes)
    const watch = new Watch(session, this.#connecting)
    this.#connecting = undefined
    this.#open.set(session, watch)
    this.#sweep.add(watch)
    session.on('remoteSettings', () => watch.spoke())
    // Told by the server's `sessionError`, too.
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

  /**
   * A first GOAWAY, with the highest stream id: the client makes its next call elsewhere, and one that is on its way is
   * still taken (RFC 9113, 6.8).
   */
  announce(): void {
    for (const watch of this.#open.values()) watch.announce()
  }

  /** GOAWAY to all: calls in flight are finished, new ones go elsewhere. Resolves when the last has ended. */
  async closeAll(signal: AbortSignal): Promise<void> {
    const closing = [...this.#open.keys()].map(
      (session) => new Promise<void>((resolve) => void session.on('close', resolve)),
    )
    const cut = (): void => {
      for (const watch of this.#open.values()) watch.cut()
    }
    signal.addEventListener('abort', cut)
    for (const watch of this.#open.values()) watch.farewell()
    if (signal.aborted) cut()
    await Promise.all(closing)
    signal.removeEventListener('abort', cut)
  }
}

class Watch implements Expiring {
  // In the order of their beginning, so the first is the oldest.
  readonly #calls = new Map<ServerHttp2Stream, number>()
  readonly #session: ServerHttp2Session
  readonly #socket: Socket | undefined
  #idleUntil = performance.now() + helloMs
  #hello = false

  constructor(session: ServerHttp2Session, socket: Socket | undefined) {
    this.#session = session
    this.#socket = socket
  }

  get expiresAt(): number {
    const oldest = this.#calls.values().next().value
    return oldest === undefined ? this.#idleUntil : oldest + maxCallMs
  }

  spoke(): void {
    this.#hello = true
    this.#idleUntil = performance.now() + (this.#session.closed ? farewellMs : idleMs)
  }

  began(stream: ServerHttp2Stream): void {
    this.#calls.set(stream, performance.now())
  }

  ended(stream: ServerHttp2Stream): void {
    this.#calls.delete(stream)
    this.spoke()
  }

  announce(): void {
    if (!this.#session.closed) this.#session.goaway(constants.NGHTTP2_NO_ERROR, highestStreamId)
  }

  farewell(): void {
    this.#session.close()
    this.#idleUntil = performance.now() + farewellMs
  }

  cut(): void {
    this.#session.destroy()
    this.#socket?.destroy()
  }

  expire(): void {
    if (this.#hello && this.#calls.size === 0 && !this.#session.closed) this.farewell()
    else this.cut()
  }
}
