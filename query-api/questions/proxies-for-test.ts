import { dataStart, type Sent, type TestResource, type TestSpan } from './testing.ts'

/** A span of a made-up trace: whose, what, below which; `*` after the service: its proxy made it. */
export type Told = readonly [id: number, parent: number, service: string, kind: 'server' | 'client', name: string]

export interface Meshed {
  readonly spans: TestSpan[]
  readonly resources: TestResource[]
}

/**
 * Three times the same trace; each span lies 1 ms within its parent, and the longest takes 100 ms.
 *
 * @param attributes of a span, beside `server.address` of an application's calls
 */
export function meshed(told: readonly Told[], attributes: (span: Told) => Record<string, string> = () => ({})): Meshed {
  const resources = new Map<string, TestResource>()
  const depths = new Map<number, number>()
  const spans: TestSpan[] = []
  for (const copy of [0, 1, 2])
    for (const span of told) {
      const [id, parent, sender, kind, name] = span
      const isProxy = sender.endsWith('*')
      const service = sender.replace('*', '')
      if (!resources.has(sender))
        resources.set(sender, {
          id: resources.size + 1,
          service,
          attributes: { 'telemetry.sdk.name': isProxy ? 'envoy' : 'opentelemetry' },
        })
      const depth = (depths.get(parent) ?? -1) + 1
      depths.set(id, depth)
      const sent = Object.entries(attributes(span)).map(([key, string]): [string, Sent] => [key, { string }])
      // As Envoy and OpenTelemetry's SDKs have it; Envoy's spans of what is upstream name no URL.
      const calls = name.split(' ')[1] ?? ''
      if (kind === 'client' && calls !== '' && !name.startsWith('router '))
        sent.push(isProxy ? ['http.url', { string: `http://${calls}/` }] : ['server.address', { string: calls }])
      spans.push({
        trace: `mesh-${copy}`,
        id,
        parent,
        service,
        name,
        kind: kind === 'server' ? 2 : 3,
        start: dataStart + BigInt(copy) * 60_000_000_000n + BigInt(depth) * 1_000_000n,
        duration: 100_000_000n - BigInt(depth) * 2_000_000n,
        invalid: false,
        status: 0,
        attributes: Object.fromEntries(sent),
        resource: resources.get(sender)?.id ?? 0,
        ...(isProxy ? { scope: 'envoy' } : {}),
      })
    }
  return { spans, resources: [...resources.values()] }
}

/** A front proxy, `shop` with an SDK and `stock` without an agent, each behind a sidecar, as a real Envoy (1.40) tells it. */
export const sidecars = (shop: string, stock: string): Told[] => [
  [1, 0, 'front*', 'server', 'ingress'],
  [2, 1, 'front*', 'client', 'router up egress'],
  [3, 2, `${shop}*`, 'server', 'ingress'],
  [4, 3, 'shop', 'server', 'GET'],
  [5, 4, 'shop', 'client', 'GET stock'],
  [6, 5, `${shop}*`, 'client', 'egress stock'],
  [7, 6, `${stock}*`, 'server', 'ingress'],
]

/** The same with `spawn_upstream_span` on the sidecars: a SERVER and a CLIENT span each way. */
export const spawning = (shop: string, stock: string): Told[] => [
  [1, 0, 'front*', 'server', 'ingress'],
  [2, 1, 'front*', 'client', 'router up egress'],
  [3, 2, `${shop}*`, 'server', 'ingress'],
  [4, 3, `${shop}*`, 'client', 'router up egress'],
  [5, 4, 'shop', 'server', 'GET'],
  [6, 5, 'shop', 'client', 'GET stock'],
  [7, 6, `${shop}*`, 'server', 'egress'],
  [8, 7, `${shop}*`, 'client', 'router up egress'],
  [9, 8, `${stock}*`, 'server', 'ingress'],
  [10, 9, `${stock}*`, 'client', 'router up egress'],
]

/** A gateway that makes no CLIENT spans, before one application. */
export const gateway: readonly Told[] = [
  [1, 0, 'front*', 'server', 'ingress'],
  [2, 1, 'shop', 'server', 'GET'],
  [3, 2, 'shop', 'client', 'GET stock'],
]
