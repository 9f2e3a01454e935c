import type { Server as HttpServer } from 'node:http'
import { type AddressInfo, Server } from 'node:net'
import { AppError, messageOf } from '../base/errors.ts'

/** Resolves with the address once connections are accepted; rejects with a line that says which address and why not. */
export function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken' : messageOf(error)
      reject(new AppError('UNAVAILABLE', `cannot listen on ${host}:${port}: ${why}`, { cause: error }))
    }
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.removeListener('error', failed)
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('BUG: a TCP server has a TCP address'))
      else resolve(address)
    })
  })
}

// For the queue's segments, the standard streams, the engine of the event loop, and some air.
const otherFiles = 256
const mostConnections = 8_192

/**
 * Connections that each of two listeners may have. Beyond it new ones are closed at once, while there still are file
 * descriptors for everything else; without it a flood of idle ones would leave none for the queue.
 */
export function connectionLimit(): number {
  const { report } = process
  Object.assign(report, { excludeNetwork: true })
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: number | 'unlimited' } } }
  const files = userLimits?.open_files?.soft
  if (typeof files !== 'number') return mostConnections
  return Math.max(16, Math.min(mostConnections, Math.floor((files - otherFiles) / 2)))
}

/** Resolves when the server has closed and its last connection has ended; at once when it never listened. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!server.listening) resolve()
    else server.close((error) => (error === undefined ? resolve() : reject(error)))
  })
}

/** The same for an HTTP/1.1 server that goes on serving the connections it has, idle ones too, until they are closed. */
export function closedToNew(server: HttpServer): Promise<void> {
  return new Promise((resolve, reject) => {
    // That of node:http closes all idle connections first.
    if (!server.listening) resolve()
    else Server.prototype.close.call(server, (error) => (error === undefined ? resolve() : reject(error)))
  })
}
