import { once } from 'node:events'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { envoyConfig, startEnvoy, type RunningEnvoy } from './envoy.ts'

/** A program without an agent, that answers at `url`. */
export interface Plain {
  readonly url: string
  close(): Promise<void>
}

/** It answers with the status that stands last in the path that it is asked for. */
export function startLast(): Promise<Plain> {
  return served(
    createServer((request, response) => {
      response.writeHead(Number(request.url?.split('/').at(-1))).end()
    }),
  )
}

/**
 * It asks another one for the same path and answers with its status; all that it does for tracing is to pass on the header
 * `traceparent`.
 *
 * @param host the name under which it asks for the other one, at the address `next`
 */
export function startMiddle(host: string, next: () => string): Promise<Plain> {
  return served(
    createServer((request, response) => {
      const { traceparent } = request.headers
      const headers = { host, ...(typeof traceparent === 'string' ? { traceparent } : {}) }
      get(`${next()}${request.url}`, { headers }, (answer) => {
        answer.resume()
        response.writeHead(answer.statusCode ?? 500).end()
      })
    }),
  )
}

async function served(server: Server): Promise<Plain> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface Mesh extends AsyncDisposable {
  /** Of the front proxy: what comes here goes to shop, and on to stock. */
  readonly url: string
}

/**
 * A front proxy, and the services `shop` and `stock`, each behind a sidecar of its own. Neither service has an agent, unless
 * another `shop` is given.
 *
 * @param weft where Envoy sends its spans: OTLP over gRPC, or over HTTP where `overHttp`
 * @param changes `names`: what the sidecars call their services; `shop`: starts it, given where stock is to be asked under
 *   its name, and resolves to where it answers; `spawning`: sidecars make a span of what is upstream besides; `config`: makes
 *   each Envoy's configuration in place of `envoyConfig`
 */
export async function startMesh(
  weft: string,
  changes: {
    readonly overHttp?: boolean
    readonly spawning?: boolean
    readonly config?: typeof envoyConfig
    readonly names?: { readonly shop: string; readonly stock: string }
    readonly shop?: { readonly url: string; start(outbound: string): Promise<void> }
  } = {},
): Promise<Mesh> {
  const { overHttp = false, spawning = false, config = envoyConfig, names = { shop: 'shop', stock: 'stock' } } = changes
  const started: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(each: T): T => {
    started.unshift(each)
    return each
  }
  const close = async () => {
    for (const each of started.splice(0)) await each.close()
  }
  try {
    const stock = keep(await startLast())
    const nobody = 'http://127.0.0.1:1'
    const ofStock = keep(
      await startEnvoy(
        config('sidecar.yaml', { shop: stock.url, stock: nobody, weft }, { service: names.stock, overHttp, spawning }),
      ),
    )
    let ofShop: RunningEnvoy | undefined
    const outbound = () => ofShop?.url('outbound') ?? nobody
    const shop = changes.shop ?? keep(await startMiddle('stock', outbound))
    ofShop = keep(
      await startEnvoy(
        config(
          'sidecar.yaml',
          { shop: shop.url, stock: ofStock.url('inbound'), weft },
          { service: names.shop, overHttp, spawning },
        ),
      ),
    )
    await changes.shop?.start(outbound())
    const front = keep(await startEnvoy(config('front.yaml', { shop: ofShop.url('inbound'), weft }, { overHttp })))
    return { url: front.url('front'), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
