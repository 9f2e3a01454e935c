import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileNames } from './format.ts'

/*
 * The reader tells the writer the offset it waits for (8 bytes); the writer answers with one byte as soon as the log
 * goes beyond it: one byte for a wait, none for an append, and no wake-up is lost whichever comes first.
 */

/** sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero included. */
const longestPath = 103

/** A name for the folder's socket that is short enough. On Linux the folder's own file descriptor shortens any path. */
function socketPath(folder: string): { readonly path: string; readonly release: () => void } {
  const path = join(folder, fileNames.wake)
  if (process.platform === 'win32') return { path: `\\\\.\\pipe\\weft-${hashOf(folder)}`, release() {} }
  if (Buffer.byteLength(path) <= longestPath) return { path, release() {} }
  if (process.platform !== 'linux') return { path: join(tmpdir(), `weft-${hashOf(folder)}.sock`), release() {} }
  const fd = openSync(folder, 'r')
  return { path: `/proc/self/fd/${fd}/${fileNames.wake}`, release: () => closeSync(fd) }
}

function hashOf(folder: string): string {
  return createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 24)
}

/** The writer's side. */
export class WakeServer {
  #server: Server | undefined
  #release = () => {}
  #next = 0n
  readonly #waiting = new Map<Socket, bigint>()
  readonly #sockets = new Set<Socket>()

  /** Listens in the folder, which the caller has locked; rejects with what the system says. */
  async open(folder: string): Promise<void> {
    const { path, release } = socketPath(folder)
    this.#release = release
    if (process.platform !== 'win32') rmSync(path, { force: true })
    const server = createServer((socket) => this.#accept(socket))
    this.#server = server
    server.listen(path)
    await once(server, 'listening')
    server.unref()
  }

  /** The log's durable end is `next` now. */
  published(next: bigint): void {
    this.#next = next
    for (const [socket, from] of this.#waiting) if (from < next) this.#wake(socket)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close(this.#release)
    this.#server = undefined
  }

  #accept(socket: Socket): void {
    socket.unref()
    this.#sockets.add(socket)
    const request = Buffer.alloc(8)
    let filled = 0
    socket.on('data', (bytes: Buffer) => {
      for (const byte of bytes) {
        request[filled++] = byte
        if (filled < 8) continue
        filled = 0
        this.#waiting.set(socket, request.readBigUInt64LE())
        if (request.readBigUInt64LE() < this.#next) this.#wake(socket)
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#waiting.delete(socket)
      this.#sockets.delete(socket)
    })
  }

  #wake(socket: Socket): void {
    this.#waiting.delete(socket)
    socket.write('.')
  }
}

const reconnectMs = 1000

/** The reader's side: connects when it is needed, again and again. */
export class WakeClient {
  readonly #folder: string
  #socket: Socket | undefined
  #connected = false
  #lastTry = -Infinity
  #wake: (() => void) | undefined
  #release = () => {}

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Settles when the log has gone beyond `from`, when `ms` or a shorter time for polling have passed, or on abort. */
  async wait(from: bigint, ms: number, signals: readonly AbortSignal[]): Promise<void> {
    if (signals.some((signal) => signal.aborted)) return
    this.#connect()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.min(ms, this.#connected ? 1000 : 50))
    const stop = () => resolve()
    for (const signal of signals) signal.addEventListener('abort', stop)
    this.#wake = resolve
    if (this.#connected) {
      const request = Buffer.alloc(8)
      request.writeBigUInt64LE(from)
      this.#socket?.write(request)
    }
    await promise
    this.#wake = undefined
    clearTimeout(timer)
    for (const signal of signals) signal.removeEventListener('abort', stop)
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#wake?.()
  }

  #connect(): void {
    const now = performance.now()
    if (this.#socket || now - this.#lastTry < reconnectMs) return
    this.#lastTry = now
    const { path, release } = this.#path()
    this.#release = release
    const socket = connect(path)
    this.#socket = socket
    socket.unref()
    socket.on('connect', () => {
      this.#connected = true
      this.#wake?.()
    })
    socket.on('data', () => this.#wake?.())
    // No writer, or it went away: polling goes on, and the socket is tried again.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#connected = false
      if (this.#socket === socket) this.#socket = undefined
      this.#release()
      this.#wake?.()
    })
  }

  #path(): { readonly path: string; readonly release: () => void } {
    try {
      return socketPath(this.#folder)
    } catch {
      // The folder is gone for the moment: any path will refuse.
      return { path: join(this.#folder, fileNames.wake), release() {} }
    }
  }
}
