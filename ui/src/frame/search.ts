/**
 * The state that the URL holds, the same on every page so that links carry it along. Everything is text as it stands in
 * the URL; whoever uses a value parses it. `time`, `live` and `proxies` belong to the frame, the rest to one page each.
 */
export interface Search {
  time?: string
  live?: string
  /** `shown`: proxies' spans are not folded into their applications'. */
  proxies?: string
  // traces
  q?: string
  service?: string
  operation?: string
  min?: string
  max?: string
  status?: string
  attribute?: readonly string[]
  order?: string
  limit?: string
  chart?: string
  list?: string
  columns?: readonly string[]
  by?: string
  facets?: string
  area?: string
  of?: string
  // one trace
  span?: string
  /** Of a file with several, the one that is shown. */
  trace?: string
  find?: string
  zoom?: string
  closed?: readonly string[]
  path?: string
  tab?: string
  view?: string
  block?: string
  calls?: string
  runs?: readonly string[]
  clocks?: string
  // services, topology
  sort?: string
  filter?: string
  open?: string
  node?: string
  focus?: string
  hops?: string
  group?: string
  opened?: readonly string[]
  // call chains
  from?: string
  to?: string
  // comparing
  only?: string
  against?: string
  versionA?: string
  versionB?: string
  way?: string
  colour?: string
}

const lists = new Set<string>(['attribute', 'closed', 'columns', 'runs', 'opened'])
const singles = new Set<string>(
  'time live proxies q service operation min max status order limit chart list by facets area of span trace find zoom path tab view block calls clocks sort filter open node focus hops group from to way colour only against versionA versionB'.split(
    ' ',
  ),
)

/** Reads a query string; what it does not know is dropped. */
export function parseSearch(text: string): Search {
  const out: Record<string, string | string[]> = {}
  for (const [name, value] of new URLSearchParams(text)) {
    if (value === '') continue
    if (lists.has(name)) {
      const list = out[name]
      if (Array.isArray(list)) list.push(value)
      else out[name] = [value]
    } else if (singles.has(name)) out[name] ??= value
  }
  return out
}

/** Writes a query string, with few percent signs: a link is read by people. */
export function stringifySearch(search: object): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(search) as [string, unknown][]) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const one of values) {
      if (typeof one === 'string' && one !== '') parts.push(`${encodeURIComponent(name)}=${readable(one)}`)
    }
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

// These are allowed in a query by RFC 3986 and mean nothing special to URLSearchParams.
const readable = (value: string): string =>
  encodeURIComponent(value).replace(/%(2F|3A|3D|40|2C|24|3F)/g, (escape) => decodeURIComponent(escape))

/** What a link to another page takes along. */
export function carried(search: Search): Search {
  const out: Search = {}
  if (search.time !== undefined) out.time = search.time
  if (search.live !== undefined) out.live = search.live
  if (search.proxies !== undefined) out.proxies = search.proxies
  return out
}

/** `search` with `change` laid over it; undefined and empty values are taken out. */
export function changed(search: Search, change: { readonly [K in keyof Search]?: Search[K] | undefined }): Search {
  const out: Record<string, unknown> = { ...search, ...change }
  for (const [name, value] of Object.entries(out)) {
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) delete out[name]
  }
  return out
}
