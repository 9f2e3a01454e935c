import { ownersOf, type Link } from '../questions/proxies.ts'
import { ChangedSpan, type SkeletonSpan } from './skeleton.ts'
import type { Tree } from './tree.ts'

/** What is known of the proxies of a trace besides its skeleton. */
export interface TraceProxies {
  /** Scopes whose spans proxies made. */
  readonly scopes: ReadonlySet<number>
  /** What the proxies of a name say of the service that they stand beside: its name, or `*`. */
  readonly told: ReadonlyMap<string, ReadonlySet<string>>
}

export const noProxies: TraceProxies = { scopes: new Set(), told: new Map() }

/** Which spans of a tree tell what an application's span tells as well. Indexes into the tree. */
export interface TraceFolding {
  /** Of a proxy's span the application's. */
  readonly into: ReadonlyMap<number, number>
  /** The service that a service's spans count for. */
  readonly ownerOf: (service: string) => string
}

const server = 2
const client = 3

/** The names under which nothing but proxies sent spans. */
export function pureProxies(spans: Iterable<SkeletonSpan>, { scopes }: Pick<TraceProxies, 'scopes'>): Set<string> {
  const pure = new Set<string>()
  const others = new Set<string>()
  for (const { service, scope } of spans) (scopes.has(scope) ? pure : others).add(service)
  for (const service of others) pure.delete(service)
  return pure
}

/** Finds the proxies' spans that lie next to their application's (docs/proxies.md), each beside one of its spans alone. */
export function foldingIn(tree: Tree, proxies: TraceProxies): TraceFolding {
  if (proxies.scopes.size === 0) return { into: new Map(), ownerOf: (service) => service }
  const pairs = [...pairsIn(tree, proxies)]
  const owners = ownersOf(linksOf(tree, pairs, proxies), pureProxies(tree.spans, proxies))
  const ownerOf = (service: string): string => owners.get(service) ?? service
  const serviceAt = (index: number): string => tree.spans[index]?.service ?? ''
  const into = new Map<number, number>()
  const shared = new Set<number>()
  for (const { proxy, app, over } of pairs) {
    if (ownerOf(serviceAt(proxy)) !== serviceAt(app)) continue
    // Of two requests that one of the proxy's led to, or two calls that it made of one, each tells something of its own.
    if (into.has(proxy)) shared.add(proxy)
    into.set(proxy, app)
    if (over >= 0) into.set(over, app)
  }
  const byCall = Map.groupBy(
    pairs.filter(({ way, proxy }) => way === 'out' && into.has(proxy)),
    ({ app }) => app,
  )
  for (const calls of byCall.values()) if (calls.length > 1) for (const { proxy } of calls) shared.add(proxy)
  for (const index of shared) into.delete(index)
  return { into, ownerOf }
}

interface Pair {
  /** Indexes of the two spans. */
  readonly proxy: number
  readonly app: number
  readonly way: 'in' | 'through' | 'to' | 'out'
  /** The proxy's own CLIENT span beside it, that tells the same; -1 for none. */
  readonly over: number
}

/** Each proxy's span beside the application's next to it; by the way from one to the other (docs/proxies.md). */
function* pairsIn({ spans, parent, children }: Tree, { scopes }: TraceProxies): Generator<Pair> {
  const isProxy = (index: number): boolean => scopes.has(spans[index]?.scope ?? -1)
  const isOf = (index: number, kind: number, byProxy: boolean): boolean =>
    spans[index]?.kind === kind && isProxy(index) === byProxy
  const ofSame = (one: number, other: number): boolean => spans[one]?.service === spans[other]?.service
  for (const index of spans.keys()) {
    const up = parent[index] ?? -1
    const above = parent[up] ?? -1
    if (isOf(index, server, false)) {
      if (isOf(up, server, true)) yield { proxy: up, app: index, way: 'in', over: -1 }
      else if (isOf(up, client, true) && isOf(above, server, true) && ofSame(up, above))
        yield { proxy: above, app: index, way: 'through', over: up }
    } else if (isOf(index, client, true)) {
      if (isOf(up, client, false)) yield { proxy: index, app: up, way: 'out', over: -1 }
    } else if (isOf(index, server, true) && isOf(up, client, false)) {
      const below = children[index] ?? []
      const calls = below.filter((child) => isOf(child, client, true) && ofSame(child, index))
      const isAnswered = below.some((child) => isOf(child, server, false))
      if (!isAnswered) yield { proxy: index, app: up, way: 'to', over: calls.length === 1 ? (calls[0] ?? -1) : -1 }
    }
  }
}

function* linksOf({ spans }: Tree, pairs: readonly Pair[], { told }: TraceProxies): Generator<Link> {
  for (const [proxy, names] of told) for (const app of names) yield { proxy, app, evidence: 'says' }
  for (const { proxy, app, way } of pairs) {
    const names = [spans[proxy]?.service ?? '', spans[app]?.service ?? ''] as const
    if (way !== 'in' && way !== 'out') continue
    yield { proxy: names[0], app: names[1], evidence: way }
  }
}

/** The spans that are left, each below the one that is left of those above it. */
export function foldedSpans({ spans, parent }: Tree, { into }: TraceFolding): SkeletonSpan[] {
  return spans.flatMap((span, index): SkeletonSpan[] => {
    if (into.has(index)) return []
    let up = parent[index] ?? -1
    let named = span.parentSpanId
    for (let app = into.get(up); app !== undefined; app = into.get(up)) {
      // Its own proxy's span, or another's: that of its own takes up its place.
      named = app === index ? (spans[up]?.parentSpanId ?? '') : (spans[app]?.spanId ?? '')
      up = app === index ? (parent[up] ?? -1) : app
    }
    return [named === span.parentSpanId ? span : new ChangedSpan(span, { parentSpanId: named })]
  })
}
