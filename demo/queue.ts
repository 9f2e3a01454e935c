/**
 * The queue between checkout and notifications: a broker that keeps messages in a file until they are done, and clients
 * that speak lines of JSON with it. No library for tracing knows it, so its clients make their spans themselves, as one
 * would with a protocol of one's own (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
 */
import { createServer, connect, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

interface Message {
  readonly id: number
  readonly topic: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

type Line =
  | { readonly do: 'send'; readonly topic: string; readonly headers: Record<string, string>; readonly body: unknown }
  | { readonly do: 'take'; readonly topic: string }
  | { readonly do: 'done'; readonly id: number }

const write = (socket: Socket, line: object): void => void socket.write(`${JSON.stringify(line)}\n`)

/** Starts a broker whose messages are in `file`. A message that was taken and not done is given again after a second. */
export function startBroker(file: string): Promise<Server> {
  const store = new DatabaseSync(file)
  store.exec(
    'PRAGMA journal_mode = WAL; CREATE TABLE messages (id INTEGER PRIMARY KEY, topic TEXT, headers TEXT, body TEXT, taken_at INTEGER)',
  )
  const insert = store.prepare('INSERT INTO messages (topic, headers, body) VALUES (?, ?, ?)')
  const next = store.prepare(
    'SELECT id, headers, body FROM messages WHERE topic = ? AND (taken_at IS NULL OR taken_at < ?) ORDER BY id LIMIT 1',
  )
  const take = store.prepare('UPDATE messages SET taken_at = ? WHERE id = ?')
  const done = store.prepare('DELETE FROM messages WHERE id = ?')
  const waiting = new Map<string, Socket[]>()

  const give = (topic: string): void => {
    const sockets = waiting.get(topic) ?? []
    while (sockets.length > 0) {
      const found = next.get(topic, Date.now() - 1_000) as { id: number; headers: string; body: string } | undefined
      if (found === undefined) return
      take.run(Date.now(), found.id)
      const message = {
        id: found.id,
        topic,
        headers: JSON.parse(found.headers),
        body: JSON.parse(found.body),
      } as Message
      write(sockets.shift() as Socket, message)
    }
  }
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      for (const [topic, sockets] of waiting)
        waiting.set(
          topic,
          sockets.filter((other) => other !== socket),
        )
    })
    createInterface({ input: socket }).on('line', (text) => {
      const line = JSON.parse(text) as Line
      if (line.do === 'send') {
        insert.run(line.topic, JSON.stringify(line.headers), JSON.stringify(line.body))
        write(socket, { kept: true })
        give(line.topic)
      } else if (line.do === 'take') {
        waiting.set(line.topic, [...(waiting.get(line.topic) ?? []), socket])
        give(line.topic)
      } else done.run(line.id)
    })
  })
  const again = setInterval(() => [...waiting.keys()].forEach(give), 1_000)
  server.on('close', () => clearInterval(again))
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const tracer = trace.getTracer('shop-queue')

const attributes = (topic: string, operation: 'send' | 'process') => ({
  'messaging.system': 'shop-queue',
  'messaging.destination.name': topic,
  'messaging.operation.type': operation,
  'messaging.operation.name': operation,
})

function connectTo(address: string): Socket {
  const [host = '', port = ''] = address.split(':')
  return connect(Number(port), host)
}

/** Sends to a topic; resolved when the broker keeps the message. */
export function producer(address: string, topic: string): (body: unknown) => Promise<void> {
  const socket = connectTo(address)
  socket.unref()
  const kept: (() => void)[] = []
  createInterface({ input: socket }).on('line', () => kept.shift()?.())
  return (body) =>
    tracer.startActiveSpan(
      `send ${topic}`,
      { kind: SpanKind.PRODUCER, attributes: attributes(topic, 'send') },
      async (span) => {
        const headers: Record<string, string> = {}
        propagation.inject(context.active(), headers)
        await new Promise<void>((resolve) => {
          kept.push(resolve)
          write(socket, { do: 'send', topic, headers, body })
        })
        span.end()
      },
    )
}

/** Takes from a topic, one message after the other; one whose handler throws is taken again later. */
export function consumer(address: string, topic: string, handle: (body: never) => Promise<void>): () => void {
  const socket = connectTo(address)
  const ask = (): void => write(socket, { do: 'take', topic })
  createInterface({ input: socket }).on('line', (text) => {
    const { id, headers, body } = JSON.parse(text) as Message
    const sent = propagation.extract(ROOT_CONTEXT, headers)
    void tracer.startActiveSpan(
      `process ${topic}`,
      { kind: SpanKind.CONSUMER, attributes: attributes(topic, 'process') },
      sent,
      async (span) => {
        try {
          await handle(body as never)
          write(socket, { do: 'done', id })
        } catch (error) {
          span.recordException(error as Error)
          span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
        } finally {
          span.end()
          ask()
        }
      },
    )
  })
  ask()
  return () => socket.destroy()
}
