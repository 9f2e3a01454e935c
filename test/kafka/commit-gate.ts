import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What becomes of commits while the gate is closed: they do not reach the broker, or its answers do not come back. */
export type Held = 'requests' | 'answers'

export interface CommitGate {
  /** What a broker behind it has to advertise. */
  readonly address: string
  /** To where it passes on; set before anybody connects. */
  target: string
  /** From here on commits are held; resolves with the first one that is. */
  close(held: Held): Promise<void>
  /** Lets everything through again. What was held is dropped, with its connection. */
  open(): void
  end(): Promise<void>
}

/**
 * A TCP proxy in front of a broker that can hold OffsetCommit back.
 *
 *   request  = length:int32 api_key:int16 api_version:int16 correlation:int32 …
 *   response = length:int32 correlation:int32 …
 */
export async function startCommitGate(): Promise<CommitGate> {
  const offsetCommit = 8
  const sockets = new Set<Socket>()
  const stuck = new Set<Socket>()
  let held: Held | undefined
  let onHeld = () => {}
  const server = createServer((client) => {
    const [host, port] = gate.target.split(':')
    const broker = connect(Number(port), host)
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        stuck.delete(socket)
        other.destroy()
      })
    }
    const awaited = new Set<number>()
    const hold = () => {
      stuck.add(client)
      onHeld()
    }
    client.on(
      'data',
      frames((frame) => {
        if (stuck.has(client)) return
        if (held && frame.readInt16BE(4) === offsetCommit) {
          if (held === 'requests') return hold()
          awaited.add(frame.readInt32BE(8))
        }
        broker.write(frame)
      }),
    )
    broker.on(
      'data',
      frames((frame) => {
        if (stuck.has(client)) return
        if (awaited.delete(frame.readInt32BE(4))) return hold()
        client.write(frame)
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gate: CommitGate = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    close(what) {
      held = what
      return new Promise((resolve) => {
        onHeld = resolve
      })
    },
    open() {
      held = undefined
      for (const socket of stuck) socket.destroy()
    },
    async end() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  return gate
}

/** Calls `take` with each whole message, its length included. */
function frames(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let size = 0; rest.length >= 4 && rest.length >= (size = 4 + rest.readInt32BE(0)); rest = rest.subarray(size))
      take(rest.subarray(0, size))
  }
}
