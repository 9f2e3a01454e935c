import type { Fault } from './fault-server.ts'
import type { Protocol } from './client.ts'

/** What a client does with a request that went wrong: it is in Weft after all, or is not sent again. */
export type Fate = 'resent' | 'not resent'

/** What the tests assert of a client over a protocol; docs/clients.md shows it. */
export interface Behaviour extends Readonly<Record<Fault, Fate>> {
  readonly client: string
  readonly protocol: Protocol
  /** Whether it waits as long as Retry-After or RetryInfo says. */
  readonly waits: 'as told' | 'less' | 'never'
  /** Weft's collector is killed and started again, while spans are made: all arrive, or some are lost. */
  readonly restart: 'all arrive' | 'some lost'
  /** The same of a span made while nobody listens for 15 s, by exporters with a time-out of 60 s. */
  readonly outage: 'all arrive' | 'some lost'
}

const resends = {
  overloaded: 'resent',
  unavailable: 'resent',
  'partial success': 'not resent',
  waits: 'as told',
} as const
const never = {
  overloaded: 'not resent',
  unavailable: 'not resent',
  'partial success': 'not resent',
  waits: 'never',
} as const
const lossless = { 'answer lost': 'resent', restart: 'all arrive', outage: 'some lost' } as const
const patient = { ...lossless, outage: 'all arrive' } as const
const lossy = { 'answer lost': 'not resent', restart: 'some lost', outage: 'some lost' } as const

/** As seen with the versions that the tests run. */
export const behaviours: readonly Behaviour[] = [
  { client: 'Node.js', protocol: 'grpc', ...never, ...lossy },
  { client: 'Node.js', protocol: 'http/protobuf', ...resends, ...lossless },
  { client: 'Node.js', protocol: 'http/json', ...resends, ...lossless },
  { client: 'Node.js, @weft/node', protocol: 'grpc', ...resends, ...patient },
  { client: 'Node.js, @weft/node', protocol: 'http/protobuf', ...resends, ...patient },
  { client: 'Java', protocol: 'grpc', ...resends, ...lossless, waits: 'less' },
  { client: 'Java', protocol: 'http/protobuf', ...resends, ...lossless },
  { client: 'Python', protocol: 'grpc', ...resends, ...patient },
  { client: 'Python', protocol: 'http/protobuf', ...resends, ...patient },
  { client: 'Go', protocol: 'grpc', ...resends, ...patient },
  { client: 'Go', protocol: 'http/protobuf', ...resends, ...lossy },
  { client: 'Caddy', protocol: 'grpc', ...resends, ...patient },
  { client: 'Caddy', protocol: 'http/protobuf', ...resends, ...lossy },
  {
    client: 'Rotel',
    protocol: 'grpc',
    ...resends,
    ...lossless,
    'answer lost': 'not resent',
    outage: 'all arrive',
    waits: 'less',
  },
  {
    client: 'Rotel',
    protocol: 'http/protobuf',
    ...resends,
    ...lossless,
    'answer lost': 'not resent',
    outage: 'all arrive',
    waits: 'less',
  },
  { client: 'Browser', protocol: 'http/json', ...resends, ...lossless },
]

const again = { resent: 'sent again', 'not resent': 'not sent again' } as const
const refused = { resent: 'sent again', 'not resent': 'lost' } as const

const columns: Readonly<Record<string, (row: Behaviour) => string>> = {
  client: ({ client }) => client,
  over: ({ protocol }) => protocol,
  '429, RESOURCE_EXHAUSTED': ({ overloaded }) => refused[overloaded],
  'waits as long as told': ({ waits }) => ({ 'as told': 'yes', less: 'no', never: '-' })[waits],
  '503, UNAVAILABLE': ({ unavailable }) => refused[unavailable],
  'partial success': (row) => again[row['partial success']],
  'connection lost before the answer': (row) => again[row['answer lost']],
  'collector killed, back in a second': ({ restart }) => restart,
  'nobody there for 15 s, time-out 60 s': ({ outage }) => outage,
}

/** The table of docs/clients.md, its cells by row. */
export function behaviourTable(): string[][] {
  return [Object.keys(columns), ...behaviours.map((row) => Object.values(columns).map((cell) => cell(row)))]
}
