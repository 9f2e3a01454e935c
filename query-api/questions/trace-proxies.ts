import { proxySays } from '../../rollup/proxies.ts'
import { isProxy, proxyScope } from '../../store/schema/words.ts'
import type { SentSpan } from '../trace/answer.ts'
import { pureProxies, type TraceProxies } from '../trace/proxies.ts'
import type { SkeletonSpan } from '../trace/skeleton.ts'
import type { KeyValue } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { ofTrace, type StoredScope } from './trace-skeleton.ts'

type Told = Map<string, Set<string>>

const scopesOfProxies = (scopes: readonly StoredScope[]): Set<number> =>
  new Set(scopes.flatMap(({ name }, index) => (name === proxyScope ? [index] : [])))

/** What is known of the proxies of a trace that is held as a whole. */
export function proxiesOf(
  rows: readonly SkeletonSpan[],
  scopes: readonly StoredScope[],
  details: readonly SentSpan[],
): TraceProxies {
  const proxies = { scopes: scopesOfProxies(scopes), told: new Map() as Told }
  const names = namesToAsk(rows, proxies)
  if (names.size === 0) return proxies
  const serviceOf = new Map(
    rows.flatMap(({ spanId, service, scope }) =>
      proxies.scopes.has(scope) && names.has(service) ? [[spanId, service] as const] : [],
    ),
  )
  for (const { spanId, json } of details) {
    const service = serviceOf.get(spanId)
    if (service === undefined) continue
    const { attributes } = JSON.parse(`{${json}}`) as { attributes: readonly KeyValue[] }
    const text = (wanted: string) => attributes.find(({ key }) => key === wanted)?.value.stringValue ?? ''
    const canonical = text('istio.canonical_service')
    note(proxies.told, service, canonical || (text('node_id').startsWith('sidecar~') ? '*' : ''))
  }
  return proxies
}

/** The same of a trace in the store. */
export async function proxiesInStore(
  asker: Asker,
  traceId: string,
  rows: Iterable<SkeletonSpan>,
  scopes: readonly StoredScope[],
): Promise<TraceProxies> {
  const proxies = { scopes: scopesOfProxies(scopes), told: new Map() as Told }
  const names = namesToAsk(rows, proxies)
  if (names.size === 0) return proxies
  const found = await all(asker, {
    name: 'trace_proxies',
    sql: `SELECT DISTINCT service, ${proxySays} AS says FROM spans
      WHERE ${ofTrace} AND ${isProxy} AND service IN {services:Array(String)} LIMIT ${maxNames}`,
    params: { traceId, services: [...names] },
    maxRows: maxNames,
    decode: ([service, says]) => [String(service), String(says)] as const,
  })
  for (const [service, says] of found) note(proxies.told, service, says)
  return proxies
}

const maxNames = 10_000

const namesToAsk = (rows: Iterable<SkeletonSpan>, proxies: Pick<TraceProxies, 'scopes'>): Set<string> =>
  proxies.scopes.size === 0 ? new Set() : pureProxies(rows, proxies)

function note(told: Told, service: string, says: string): void {
  if (says === '') return
  const all = told.get(service)
  if (all === undefined) told.set(service, new Set([says]))
  else all.add(says)
}
