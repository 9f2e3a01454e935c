import { InvalidArgumentError } from 'commander'

/** Where a server listens. `port` 0 lets the system choose a free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, `[v6]:port`, `:port` or `port`; the host is 127.0.0.1 where none is given. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new InvalidArgumentError('Expected host:port, [::1]:port or a port.')
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The address as a client on this machine would write it: a wildcard host is reached as localhost. */
export function urlOf(address: Address): string {
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host
  return `http://${formatAddress({ host, port: address.port })}`
}
