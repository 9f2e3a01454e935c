export interface Addresses {
  /** For OTLP over HTTP, as a URL. */
  readonly http: string
  /** For OTLP over gRPC: a URL, or host and port. */
  readonly grpc: string
  /** Of this page, where the agent can be had. */
  readonly ui: string
}

/** A file of docs/getting-started or deploy/mesh with other addresses; names that only a cluster knows stay. */
export function fill(text: string, { http, grpc, ui }: Addresses): string {
  const url = URL.canParse(grpc) && new URL(grpc).host !== '' ? new URL(grpc) : new URL(`http://${grpc}`)
  const port = url.port === '' ? '4317' : url.port
  // Envoy's own form of an address: no brackets around one of IPv6, and in YAML no colon without quotes.
  const bare = url.hostname.replaceAll(/[[\]]/g, '')
  const quoted = bare.includes(':') ? `"${bare}"` : bare
  return text
    .replaceAll('http://127.0.0.1:4320/agents/node.tgz', () => new URL('agents/node.tgz', ui).href)
    .replaceAll(/http:\/\/(127\.0\.0\.1|weft):4318/g, () => http)
    .replaceAll(/\bweft:4317\b/g, () => `${url.hostname}:${port}`)
    .replaceAll('address: weft, port_value: 4317', () => `address: ${quoted}, port_value: ${port}`)
    .replaceAll('"address": "weft", "port_value": 4317', () => `"address": "${bare}", "port_value": ${port}`)
    .trimEnd()
}

/**
 * The part of a YAML file that begins with a line and goes as far as what is indented below it, moved to the left.
 *
 * @throws Error where there is no such line
 */
export function blockOf(yaml: string, first: string): string {
  const lines = yaml.split('\n')
  const from = lines.findIndex((line) => line.trim() === first)
  if (from === -1) throw new Error(`BUG: no line ${first}`)
  const indent = indentOf(lines[from] ?? '')
  const rest = lines.slice(from + 1)
  const end = rest.findIndex((line) => line.trim() !== '' && indentOf(line) <= indent)
  return [lines[from] ?? '', ...rest.slice(0, end === -1 ? undefined : end)]
    .map((line) => line.slice(indent))
    .join('\n')
}

const indentOf = (line: string): number => line.length - line.trimStart().length
