import { connect, type Socket } from 'node:net'
import { quantile } from '../report.ts'

export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  /** Milliseconds from when a request was due until its answer was whole. */
  readonly p50: number
  readonly p99: number
}

const head = Buffer.from('\r\n\r\n')

/**
 * GET of a URL over so many connections for so long: at a constant rate, whether it is answered in time or not, or, with
 * none given, one after the other on each. Throws when an answer is anything but 200. The first `warmSeconds` count for
 * nothing but `requests`: connections are made, and a program that had nothing to do for some seconds wakes up.
 */
export async function load(
  url: string,
  options: { connections: number; seconds: number; rate?: number; warmSeconds?: number },
): Promise<LoadResult> {
  const { hostname, port, pathname, host } = new URL(url)
  const request = Buffer.from(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
  const sockets = await Promise.all(
    Array.from({ length: options.connections }, () => {
      const socket = connect(Number(port), hostname)
      socket.setNoDelay(true)
      return new Promise<Socket>((resolve, reject) =>
        socket.once('connect', () => resolve(socket)).once('error', reject),
      )
    }),
  )
  const latencies: number[] = []
  const idle: (() => void)[] = []
  // When those are due that no connection was free for.
  const waiting: number[] = []
  const begin = performance.now()
  const warm = begin + (options.warmSeconds ?? 0) * 1_000
  const end = warm + options.seconds * 1_000
  let requests = 0
  let failure: Error | undefined
  let open = 0
  await new Promise<void>((resolve) => {
    const done = (): void => {
      if (open === 0 && (performance.now() >= end || failure !== undefined)) resolve()
    }
    for (const socket of sockets) {
      let due = 0
      const send = (): void => {
        open++
        socket.write(request)
      }
      const next = (): void => {
        if (options.rate === undefined) {
          due = performance.now()
          if (due < end && failure === undefined) return send()
          return done()
        }
        const first = waiting.shift()
        if (first === undefined) {
          idle.push(next)
          return done()
        }
        due = first
        send()
      }
      onAnswer(socket, (status) => {
        open--
        requests++
        if (due >= warm) latencies.push(performance.now() - due)
        if (status !== 200) failure = new Error(`${url}: ${status}`)
        next()
      })
      if (options.rate === undefined) next()
      else idle.push(next)
    }
    if (options.rate === undefined) return
    const every = 1_000 / options.rate
    let due = begin
    const timer = setInterval(() => {
      const now = performance.now()
      for (; due <= now && due < end; due += every) {
        waiting.push(due)
        idle.shift()?.()
      }
      if (now < end && failure === undefined) return
      clearInterval(timer)
      done()
    }, 1)
  })
  for (const socket of sockets) socket.destroy()
  if (failure !== undefined) throw failure
  latencies.sort((a, b) => a - b)
  const seconds = (performance.now() - warm) / 1_000
  return {
    requests,
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

/** Calls with the status of each answer when it is whole. */
function onAnswer(socket: Socket, answered: (status: number) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  socket.on('data', (part: Buffer) => {
    bytes = bytes.length === 0 ? part : Buffer.concat([bytes, part])
    for (;;) {
      const end = bytes.indexOf(head)
      if (end < 0) return
      const text = bytes.toString('latin1', 0, end)
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      const whole = end + head.length + length
      if (bytes.length < whole) return
      bytes = bytes.subarray(whole)
      answered(Number(text.slice(9, 12)))
    }
  })
}
