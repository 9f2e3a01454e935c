// The very files that tests run, and that docs/getting-started.md shows.
// oxlint-disable-next-line import/default -- its text, not what it exports
import browserCode from '../../../docs/getting-started/tracing.js?raw'
import browserShell from '../../../docs/getting-started/browser.sh?raw'
import goCode from '../../../docs/getting-started/tracing.go?raw'
import goShell from '../../../docs/getting-started/go.sh?raw'
import java from '../../../docs/getting-started/java.sh?raw'
import node from '../../../docs/getting-started/node.sh?raw'
import nodeSdk from '../../../docs/getting-started/node-sdk.sh?raw'
import python from '../../../docs/getting-started/python.sh?raw'
import caddyfile from '../../../deploy/mesh/caddy/Caddyfile?raw'
import consulDefaults from '../../../deploy/mesh/consul/proxy-defaults.hcl?raw'
import consulService from '../../../deploy/mesh/consul/shop.hcl?raw'
import envoy from '../../../deploy/mesh/envoy/front.yaml?raw'
import istioMesh from '../../../deploy/mesh/istio/mesh-config.yaml?raw'
import istioTelemetry from '../../../deploy/mesh/istio/telemetry.yaml?raw'
import linkerd from '../../../deploy/mesh/linkerd/values.yaml?raw'
import nginx from '../../../deploy/mesh/nginx/nginx.conf?raw'
import traefik from '../../../deploy/mesh/traefik/traefik.yaml?raw'
import { blockOf, fill, type Addresses } from './fill.ts'

export interface Snippet {
  readonly name: string
  readonly blocks: readonly Block[]
  readonly note: string
}

/** One piece of it, and the file or the place where it belongs. */
export interface Block {
  readonly place: string
  readonly code: string
}

export interface SnippetGroup {
  readonly name: string
  readonly snippets: readonly Snippet[]
}

const groups: readonly SnippetGroup[] = [
  {
    name: 'Programs',
    snippets: [
      {
        name: 'Node.js',
        blocks: [{ place: 'Shell', code: node }],
        note: 'HTTP, databases, queues and frameworks without a change to the program; the name of the service is that in its package.json.',
      },
      {
        name: 'Node.js SDK',
        blocks: [{ place: 'Shell', code: nodeSdk }],
        note: 'The same with OpenTelemetry’s own packages, from the registry alone. ES modules need --import in place of --require.',
      },
      {
        name: 'Java',
        blocks: [{ place: 'Shell', code: java }],
        note: 'The agent instruments the common frameworks without a change to the program.',
      },
      {
        name: 'Python',
        blocks: [{ place: 'Shell', code: python }],
        note: 'opentelemetry-bootstrap installs the instrumentations of the libraries that it finds.',
      },
      {
        name: 'Go',
        blocks: [
          { place: 'tracing.go', code: goCode },
          { place: 'Shell', code: goShell },
        ],
        note: 'Call startTracing first in main. Handlers and clients that are wrapped with otelhttp or otelgrpc have spans for each request.',
      },
      {
        name: 'Browser',
        blocks: [
          { place: 'Shell', code: browserShell },
          { place: 'tracing.js', code: browserCode },
        ],
        note: 'Spans are those that the page makes with trace.getTracer. Pages of localhost may send; others once Weft was started with --allowed-origin and their origin.',
      },
    ],
  },
  {
    name: 'Proxies',
    snippets: [
      {
        name: 'Envoy',
        blocks: [
          { place: 'Bootstrap', code: blockOf(envoy, 'layered_runtime:') },
          { place: 'HTTP connection manager', code: blockOf(envoy, 'tracing:') },
          { place: 'Clusters', code: blockOf(envoy, '- name: weft') },
        ],
        note: 'Whole files for a front proxy and a sidecar are in deploy/mesh/envoy.',
      },
      {
        name: 'Istio',
        blocks: [
          { place: 'mesh-config.yaml', code: istioMesh },
          { place: 'telemetry.yaml', code: istioTelemetry },
        ],
        note: 'The first is for helm upgrade istiod, the second for kubectl apply; then restart the pods. Weft runs in the same cluster.',
      },
      {
        name: 'Linkerd',
        blocks: [{ place: 'values.yaml', code: linkerd }],
        note: 'For helm upgrade linkerd-control-plane; then restart the pods. Weft runs in the same mesh. Something before Linkerd must begin the traces.',
      },
      {
        name: 'Consul',
        blocks: [
          { place: 'proxy-defaults.hcl', code: consulDefaults },
          { place: 'shop.hcl', code: consulService },
        ],
        note: 'The second is the registration of each service: the name of its sidecar’s spans. Then start the sidecars anew.',
      },
      {
        name: 'Caddy',
        blocks: [{ place: 'Caddyfile', code: caddyfile }],
        note: 'A Caddy older than 2.11 sends over gRPC alone: to port 4317, with OTEL_EXPORTER_OTLP_PROTOCOL=grpc.',
      },
      {
        name: 'nginx',
        blocks: [{ place: 'nginx.conf', code: nginx }],
        note: 'The module is the package nginx-module-otel of nginx’s own repositories.',
      },
      {
        name: 'Traefik',
        blocks: [{ place: 'traefik.yaml', code: traefik }],
        note: 'The static configuration, of Traefik 3; routers and services stay as they are.',
      },
    ],
  },
]

/** How to send traces to the server that has these addresses. */
export function snippets(addresses: Addresses): readonly SnippetGroup[] {
  return groups.map((group) => ({
    ...group,
    snippets: group.snippets.map((snippet) => ({
      ...snippet,
      blocks: snippet.blocks.map(({ place, code }) => ({ place, code: fill(code, addresses) })),
    })),
  }))
}
