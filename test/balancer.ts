import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Where connections may go: the port on loopback that serves, and the URL of its health. */
export interface Backend {
  readonly port: number
  readonly admin: string
}

export interface Balancer {
  readonly url: string
  /** The backends from now on; what is connected stays. */
  share(backends: readonly Backend[]): void
  /** Why connections were taken by no backend. What goes wrong on one that was taken is seen by its client. */
  readonly refused: readonly string[]
  close(): Promise<void>
}

const askEveryMs = 200

/**
 * Shares TCP connections out in turn, as a Service of Kubernetes does: to those that said at /readyz, when they were last
 * asked, that they are ready. What is connected stays where it is until one side ends it.
 */
export async function startBalancer(): Promise<Balancer> {
  let backends: readonly Backend[] = []
  let ready: readonly Backend[] = []
  let turn = 0
  const refused: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const backend = ready[turn++ % Math.max(1, ready.length)]
    if (backend === undefined) {
      refused.push('no backend is ready')
      client.destroy()
      return
    }
    let taken = false
    const upstream = connect(backend.port, '127.0.0.1', () => {
      taken = true
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', (error) => {
        if (one === upstream && !taken) refused.push(error.message)
        other.destroy()
      })
      one.on('close', () => {
        sockets.delete(one)
        other.destroySoon()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const ask = async () => {
    const asked = await Promise.all(backends.map(async (backend) => ({ backend, ok: await isReady(backend) })))
    ready = asked.filter(({ backend, ok }) => ok && backends.includes(backend)).map(({ backend }) => backend)
  }
  let asking = Promise.resolve()
  const timer = setInterval(() => {
    asking = asking.then(ask)
  }, askEveryMs)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    share(given) {
      backends = given
      asking = asking.then(ask)
    },
    refused,
    async close() {
      clearInterval(timer)
      await asking
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function isReady({ admin }: Backend): Promise<boolean> {
  try {
    return (await fetch(`${admin}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok
  } catch {
    return false
  }
}
