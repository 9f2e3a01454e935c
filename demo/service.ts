import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'

/** The address of another service, as `main.ts` gives it: `CATALOGUE=127.0.0.1:4711`. */
export function addressOf(service: string): string {
  const address = process.env[service.toUpperCase()]
  if (address === undefined) throw new Error(`${service} has no address`)
  return address
}

/** The service's own database: a file that is there as long as the demo runs. */
export function database(name: string, schema: string): DatabaseSync {
  const opened = new DatabaseSync(join(process.env['FOLDER'] ?? '.', `${name}.db`), { timeout: 5_000 })
  opened.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; ${schema}`)
  return opened
}

/** Serves, tells where, and ends when the demo does. */
export async function serveHttp(app: FastifyInstance): Promise<void> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  ready((app.server.address() as { port: number }).port, () => void app.close())
}

/** JSON over HTTP; throws what is not 2xx, with its status. */
export async function getJson<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init)
  if (!response.ok) {
    const text = await response.text()
    throw Object.assign(new Error(`${response.status} from ${new URL(url).pathname}: ${text.slice(0, 200)}`), {
      statusCode: response.status === 404 ? 404 : 502,
    })
  }
  return (await response.json()) as T
}

/** Tells the demo that this service is there, and what ends it. */
export function ready(port: number, end: () => void): void {
  parentPort?.on('message', () => {
    end()
    // Connections to others are kept, and would keep this thread.
    setImmediate(() => process.exit())
  })
  parentPort?.postMessage(port)
}
