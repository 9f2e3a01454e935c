/** The hosts that the shop calls and that are none of its own: a payment provider and a carrier. No agent runs in them. */
import {
  createServer,
  get,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type Server,
} from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const between = (least: number, most: number): number => least + Math.random() * (most - least)

/** One server for both; which one is asked is in the request's `Host`. */
export function startOutside(): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request.headers.host ?? '', request.url ?? '').then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    request.resume()
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

async function answer(host: string, url: string): Promise<{ status: number; body: object }> {
  if (host.startsWith('api.acme-pay.example')) {
    await sleep(between(8, 30))
    // The provider's new interface is not ready for anybody.
    if (url.startsWith('/v2/') && Math.random() < 0.4) return { status: 502, body: { error: 'upstream timed out' } }
    return { status: 200, body: { receipt: `r-${Math.floor(Math.random() * 1e9)}` } }
  }
  // Pallets are priced by hand, as it were.
  await sleep(url.startsWith('/freight') ? between(350, 900) : between(5, 20))
  return { status: 200, body: { cents: 490, days: 2 } }
}

/** Asks one of them by its name; `OUTSIDE` is where they are. */
export async function ask<T>(host: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
  const port = Number(process.env['OUTSIDE']?.split(':')[1])
  const options: RequestOptions = {
    host,
    port,
    path,
    method,
    headers: { host },
    // Names that the DNS does not know.
    lookup: (_name, { all }, found) =>
      all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = method === 'GET' ? get(options, resolve) : httpRequest(options, resolve).end()
    sent.on('error', reject)
  })
  const parts: Buffer[] = []
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
  const text = Buffer.concat(parts).toString()
  if (response.statusCode !== 200) throw new Error(`${host} answered ${response.statusCode}: ${text}`)
  return JSON.parse(text) as T
}
