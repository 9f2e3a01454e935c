import { keyOf, outVia, sidesVia, startsIn, type When } from '../../rollup/calls.ts'
import {
  type Evidence,
  foldedPlace,
  isAnswered,
  linkPlace,
  linksOf,
  proxyServices,
  sayingsOf,
  spawnedOf,
  spawningServices,
} from '../../rollup/proxies.ts'
import { isProxy } from '../../store/schema/words.ts'
import type { TimeWindow } from '../http/times.ts'
import type { Proxies } from '../types.ts'
import { all, type Asker } from './ask.ts'
import type { Pieces } from './rolled.ts'
import { isRequest } from './spans.ts'

const maxLinks = 100_000

/** A proxy and an application whose spans lie next to each other, or that it says to stand beside. */
export interface Link {
  readonly proxy: string
  readonly app: string
  readonly evidence: Evidence
}

/** How proxies' spans are folded into their applications' (docs/proxies.md). */
export interface Folding {
  /** The application that each proxy of another name belongs to. */
  readonly owners: ReadonlyMap<string, string>
  /** The service that a column's spans count for, as SQL. */
  owner(column: string): string
  /** The names under which a service's spans come: its own, and its proxies'. */
  namesOf(service: string): readonly string[]
  /**
   * SQL over one row of `spans` that start as told: it is a request, which no span of the application tells as well.
   *
   * @param among which applications' spans are looked at, where it is not those of all
   */
  request(when: When, among?: string): string
  /** SQL over rows of `rollups` of services and operations: an application tells those requests as well. */
  readonly isFoldedSum: string
  /** SQL over rows of calls: the application's proxy, or the proxy's application, tells the same call. */
  readonly isFoldedCall: string
  readonly params: Readonly<Record<string, readonly string[]>>
}

/**
 * What is to be folded in a window; undefined where no proxy ever sent a span, or where all are to be shown. Whose proxy it
 * is follows from all that the window holds.
 */
export async function foldingOf(
  asker: Asker,
  window: TimeWindow,
  pieces: Pieces | undefined,
  proxies: Proxies,
): Promise<Folding | undefined> {
  if (proxies === 'shown') return undefined
  const services = await proxyServices(asker.reader, asker.tenant, asker.signal)
  if (services.length === 0) return undefined
  // What sends spans of its own beside its proxy's is nobody else's.
  const pure = new Set(services.flatMap(({ service, isPure }) => (isPure ? [service] : [])))
  const owners = pure.size === 0 ? new Map<string, string>() : await ownersOnce(asker, window, pieces, pure)
  const own = services.flatMap(({ service, isPure }) => (isPure && !owners.has(service) ? [] : [service]))
  if (own.length === 0) return undefined
  const { reader, tenant, signal } = asker
  const when = startsIn(pieces?.raw ?? [window])
  return foldingBy(owners, own, await spawningServices(reader, tenant, when, own, signal))
}

/** How an answer says that it is told: null where no proxy ever sent a span. */
export async function toldAs(asker: Asker, folding: Folding | undefined, proxies: Proxies): Promise<Proxies | null> {
  if (folding !== undefined) return 'folded'
  if (proxies === 'folded') return null
  return (await proxyServices(asker.reader, asker.tenant, asker.signal)).length === 0 ? null : 'shown'
}

/**
 * The application that each proxy belongs to: the only one next to it, where the proxy says that it is its sidecar, or was
 * seen between the application's calls and what they reached. A gateway before one application has neither.
 */
export function ownersOf(links: Iterable<Link>, pure: ReadonlySet<string>): Map<string, string> {
  const apps = new Map<string, { readonly app: string; isSure: boolean }>()
  const shared = new Set<string>()
  const says = new Map<string, Set<string>>()
  for (const { proxy, app, evidence } of links) {
    if (proxy === app || !pure.has(proxy)) continue
    if (evidence === 'says') {
      says.set(proxy, (says.get(proxy) ?? new Set()).add(app))
      continue
    }
    const known = apps.get(proxy) ?? { app, isSure: false }
    if (known.app !== app) shared.add(proxy)
    known.isSure ||= evidence === 'out'
    apps.set(proxy, known)
  }
  const owners = new Map<string, string>()
  for (const [proxy, { app, isSure }] of apps) {
    const said = says.get(proxy)
    if (!shared.has(proxy) && (isSure || said?.has(app) === true || said?.has('*') === true)) owners.set(proxy, app)
  }
  return owners
}

/**
 * @param own names of proxies whose application is known
 * @param spawning those of them with spans each way and one upstream
 */
function foldingBy(owners: ReadonlyMap<string, string>, own: readonly string[], spawning: readonly string[]): Folding {
  const owner = (column: string): string =>
    owners.size === 0
      ? `toString(${column})`
      : `transform(toString(${column}), {proxyNames:Array(String)}, {proxyOwners:Array(String)}, toString(${column}))`
  return {
    owners,
    owner,
    namesOf: (service) => [service, ...[...owners].flatMap(([proxy, of]) => (of === service ? [proxy] : []))],
    request(when, among = 'service IN {proxiedApps:Array(String)}') {
      const isTold = isAnswered(when, owner('service'), among)
      const isSpawned = `(${keyOf('span_id')}, ${owner('service')}) IN (${spawnedOf(when)})`
      const folded = spawning.length === 0 ? isTold : `(${isTold} OR ${isSpawned})`
      return `(${isRequest} AND NOT (kind = 2 AND ${isProxy} AND ${folded}))`
    },
    isFoldedSum: `(startsWith(place, '${foldedPlace}') AND substring(place, ${foldedPlace.length + 1}) = ${owner('service')})`,
    isFoldedCall: `((via = '${sidesVia}' AND ${owner('source')} = ${owner('target')})
      OR (startsWith(via, '${outVia}') AND ${owner(`substring(via, ${outVia.length + 1})`)} = ${owner('source')}))`,
    params: {
      proxiedApps: [...new Set(own.map((name) => owners.get(name) ?? name))],
      spawning,
      ...(owners.size === 0 ? {} : { proxyNames: [...owners.keys()], proxyOwners: [...owners.values()] }),
    },
  }
}

/** How long before the end of a window is looked first for what proxies say: it stands in the map with most of the bytes. */
const sayingsNanos = 60_000_000_000n

const underWay = new WeakMap<Asker['reader'], Map<string, Promise<Map<string, string>>>>()

/** A page asks several questions of one window at a time: they wait for one answer. */
async function ownersOnce(
  asker: Asker,
  window: TimeWindow,
  pieces: Pieces | undefined,
  pure: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const all = underWay.get(asker.reader) ?? new Map<string, Promise<Map<string, string>>>()
  underWay.set(asker.reader, all)
  const key = JSON.stringify([asker.tenant, String(window.start), String(window.end), pieces?.kept, [...pure]])
  try {
    const shared = await all.get(key)
    if (shared !== undefined) return shared
  } catch {
    // Whoever asked may have gone away.
  }
  const found = ownersIn(asker, window, pieces, pure)
  all.set(key, found)
  try {
    return await found
  } finally {
    if (all.get(key) === found) all.delete(key)
  }
}

async function ownersIn(
  asker: Asker,
  window: TimeWindow,
  pieces: Pieces | undefined,
  pure: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const raw = pieces?.raw ?? [window]
  const ask = async (proxies: Iterable<string>, sql: string): Promise<Link[]> =>
    all(asker, {
      name: 'proxy_links',
      sql: `SELECT DISTINCT proxy, app, evidence FROM (${sql}) LIMIT ${maxLinks}`,
      params: { pureProxies: [...proxies] },
      maxRows: maxLinks,
      decode: ([proxy, app, evidence]): Link => ({
        proxy: String(proxy),
        app: String(app),
        evidence: String(evidence) as Evidence,
      }),
    })
  const kept =
    pieces &&
    `UNION ALL SELECT toString(service) AS proxy, toString(target) AS app, substring(place, ${linkPlace.length + 1}) AS evidence
      FROM rollups
      WHERE subject = 'service' AND service IN {pureProxies:Array(String)} AND startsWith(place, '${linkPlace}') AND ${pieces.kept}`
  const links = await ask(pure, `SELECT proxy, app, evidence FROM (${linksOf(startsIn(raw))}) ${kept ?? ''}`)
  const owners = ownersOf(links, pure)
  // Those that would be somebody's if they said so.
  const unsure = new Set(
    ownersOf([...links, ...[...pure].map((proxy): Link => ({ proxy, app: '*', evidence: 'says' }))], pure).keys(),
  )
  for (const proxy of owners.keys()) unsure.delete(proxy)
  if (unsure.size === 0) return owners
  const last = raw.map(({ start, end }) => ({ start: end - start > sayingsNanos ? end - sayingsNanos : start, end }))
  for (const windows of [last, raw]) {
    const said = await ask(unsure, sayingsOf(startsIn(windows)))
    links.push(...said)
    for (const { proxy } of said) unsure.delete(proxy)
    if (unsure.size === 0) break
  }
  return ownersOf(links, pure)
}
