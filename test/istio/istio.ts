import { readFileSync } from 'node:fs'
import { type Cluster, type EnvoyConfig, envoyConfig, type Tracing } from '../envoy.ts'

/** What Istio makes of one proxy, by main.go. */
interface Made {
  readonly node: { readonly id: string; readonly cluster: string }
  readonly layered_runtime: object
  readonly cluster: Cluster
  readonly listeners: Readonly<Record<string, { readonly traffic_direction: string; readonly tracing: Tracing }>>
}

interface AllMade {
  /** The files that it is made of, as JSON. */
  readonly from: Readonly<Record<string, unknown>>
  readonly front: Made
  readonly shop: Made
  readonly stock: Made
}

/** made.json, which main.go writes. */
export function istioMade(): AllMade {
  return JSON.parse(readFileSync(new URL('made.json', import.meta.url), 'utf8')) as AllMade
}

/**
 * The Envoys of test/mesh.ts, tracing as Istio tells its own to: its runtime, its node, its tracing of each listener, and how
 * it reaches Weft, but for the certificates. `service` is `shop` or `stock` for a sidecar.
 */
export const istioConfig: typeof envoyConfig = (file, clusters, changes) => {
  const config: EnvoyConfig = envoyConfig(file, clusters)
  const all = istioMade()
  const made = file === 'front.yaml' ? all.front : all[changes?.service as 'shop' | 'stock']
  for (const listener of config.static_resources.listeners) {
    const { traffic_direction: direction, tracing } = made.listeners[listener.name]!
    listener.traffic_direction = direction
    for (const { filters } of listener.filter_chains)
      for (const { typed_config: manager } of filters) manager.tracing = tracing
  }
  for (const cluster of config.static_resources.clusters)
    if (cluster.name === 'weft') Object.assign(cluster, made.cluster)
  return { ...config, node: made.node, layered_runtime: made.layered_runtime }
}
