import type { TimeWindow } from '../http/times.ts'
import { startsIn } from '../../rollup/calls.ts'
import { all, type Asker } from '../questions/ask.ts'
import { foldingOf } from '../questions/proxies.ts'
import {
  around,
  aroundParams,
  inTraces,
  inWindow,
  isRequest,
  spanIdHex,
  timesMakeSense,
  windowParams,
} from '../questions/spans.ts'
import { skeletonsOf } from '../questions/trace-skeleton.ts'
import { criticalPath } from '../trace/critical-path.ts'
import { withoutCopies, type SkeletonSpan } from '../trace/skeleton.ts'
import { buildTree, type Tree } from '../trace/tree.ts'
import type { CriticalPart, Proxies, ServiceCriticalAnswer } from '../types.ts'

/** Requests of either kind whose traces are read. */
const mostRequests = 50
/** Spans of their traces together: what is held at a time. */
const mostSpans = 200_000
const mostParts = 200

/** The slow ones are the slowest twentieth, the ordinary ones the middle half. */
const slowFrom = 0.95
const ordinary = { from: 0.25, to: 0.75 }

interface Chosen {
  readonly traceId: string
  readonly spanId: string
  readonly duration: number
  readonly isSlow: boolean
}

/**
 * Where the time goes on the critical paths of a service's slow requests, against its ordinary ones: by span name and
 * service, in mean time a request. Of both kinds some are chosen by a hash of their ids, which is the same at each time;
 * their traces are put together, and of each the path below the request is told, not what came before it. Clocks are as sent.
 *
 * @param operation only requests of this span name; undefined for all
 */
export async function serviceCritical(
  asker: Asker,
  window: TimeWindow,
  service: string,
  operation: string | undefined,
  proxies: Proxies = 'folded',
): Promise<ServiceCriticalAnswer> {
  const folding = await foldingOf(asker, window, undefined, proxies)
  const request = folding?.request(startsIn([window]), 'service = {service:String}') ?? isRequest
  const requests = `${inWindow} AND service = {service:String} AND ${request} AND ${timesMakeSense}${
    operation === undefined ? '' : ' AND name = {operation:String}'
  }`
  const params = {
    ...windowParams(window),
    ...folding?.params,
    service,
    ...(operation === undefined ? {} : { operation }),
  }
  const [bounds] = await all(asker, {
    name: 'critical_bounds',
    sql: `SELECT count(), quantilesExact(${ordinary.from}, ${ordinary.to}, ${slowFrom})(duration_ns) FROM spans WHERE ${requests}`,
    params,
    maxRows: 1,
    decode: ([many, quantiles]) => ({ many: Number(many), quantiles: (quantiles as unknown[]).map(String) }),
  })
  const [low = '0', high = '0', slow = '0'] = bounds?.quantiles ?? []
  const isSlow = `duration_ns >= ${slow} AND duration_ns > ${high}`
  const chosen = await all(asker, {
    name: 'critical_requests',
    sql: `SELECT lower(hex(trace_id)), ${spanIdHex('span_id')}, duration_ns, ${isSlow} AS slow
      FROM spans WHERE ${requests} AND (${isSlow} OR duration_ns BETWEEN ${low} AND ${high})
      ORDER BY cityHash64(trace_id, span_id) LIMIT ${mostRequests} BY slow`,
    params,
    maxRows: 2 * mostRequests,
    decode: (row): Chosen => ({
      traceId: String(row[0]),
      spanId: String(row[1]),
      duration: Number(row[2]),
      isSlow: Number(row[3]) === 1,
    }),
  })
  const read = await tracesOf(asker, window, chosen)
  const groups = { slow: new Group(), ordinary: new Group() }
  for (const request of chosen) {
    const trace = read.get(request.traceId)
    if (trace !== undefined) groups[request.isSlow ? 'slow' : 'ordinary'].add(request, trace)
  }
  const parts = partsOf(groups.slow, groups.ordinary, service)
  return {
    ...windowParams(window),
    service,
    operation: operation ?? null,
    requests: bounds?.many ?? 0,
    slow: { ...groups.slow.figures(), fromNanos: slow, toNanos: null },
    ordinary: { ...groups.ordinary.figures(), fromNanos: low, toNanos: high },
    parts: parts.slice(0, mostParts),
    more: parts.length > mostParts,
  }
}

interface Traced {
  readonly tree: Tree
  /** What the calling side of a database or a queue named, by span id. */
  readonly systems: ReadonlyMap<string, System>
}
interface System {
  readonly system: string
  readonly isDatabase: boolean
}
const noSystem: System = { system: '', isDatabase: false }

/** The traces of as many of them as are read together; of each kind the first ones, in turn. */
async function tracesOf(
  asker: Asker,
  window: TimeWindow,
  chosen: readonly Chosen[],
): Promise<ReadonlyMap<string, Traced>> {
  if (chosen.length === 0) return new Map()
  const within = aroundParams(window)
  const counts = new Map(
    await all(asker, {
      name: 'critical_sizes',
      sql: `SELECT lower(hex(trace_id)), count() FROM spans WHERE ${around} AND ${inTraces} GROUP BY trace_id`,
      params: { ...within, traceIds: [...new Set(chosen.map(({ traceId }) => traceId))] },
      maxRows: 2 * mostRequests,
      decode: ([id, many]): readonly [string, number] => [String(id), Number(many)],
    }),
  )
  const traceIds = new Set<string>()
  let room = mostSpans
  for (const { traceId } of inTurn(chosen)) {
    const many = traceIds.has(traceId) ? 0 : (counts.get(traceId) ?? 0)
    if (many > room) continue
    room -= many
    traceIds.add(traceId)
  }
  const found = new Map<string, { spans: SkeletonSpan[]; systems: Map<string, System> }>()
  const systems = ['db_system', 'messaging_system']
  for await (const batch of skeletonsOf(asker, [...traceIds], within, 2 * mostSpans, systems)) {
    for (const { traceId, span, more } of batch) {
      let trace = found.get(traceId)
      if (trace === undefined) found.set(traceId, (trace = { spans: [], systems: new Map() }))
      trace.spans.push(span)
      const [database = '', queue = ''] = more.map(String)
      const isDatabase = database !== ''
      if (isDatabase || queue !== '') {
        trace.systems.set(span.spanId, { system: isDatabase ? database : queue, isDatabase })
      }
    }
  }
  return new Map(
    [...found].map(([id, { spans, systems: named }]) => [
      id,
      { tree: buildTree(withoutCopies(spans)), systems: named },
    ]),
  )
}

function inTurn(chosen: readonly Chosen[]): Chosen[] {
  const [slow, others] = [chosen.filter(({ isSlow }) => isSlow), chosen.filter(({ isSlow }) => !isSlow)]
  return Array.from({ length: mostRequests }, (_, at) => [slow[at], others[at]])
    .flat()
    .filter((one) => one !== undefined)
}

/** What spans of one name, service and kind have of the paths of a group of requests. */
interface Spent extends System {
  readonly service: string
  readonly name: string
  readonly kind: number
  /** Below a calling span there is another span: who was called sends spans itself. */
  isAnswered: boolean
  nanos: number
  /** Requests on whose path it stands. */
  on: number
  /** Of its longest stretch. */
  longest: number
  traceId: string
  spanId: string
}

class Group {
  readonly spent = new Map<string, Spent>()
  #requests = 0
  #nanos = 0

  add({ traceId, spanId, duration }: Chosen, { tree: whole, systems }: Traced): void {
    const tree = below(whole, spanId)
    if (tree === undefined) return
    this.#requests++
    this.#nanos += duration
    const seen = new Set<string>()
    for (const { span: index, start, end } of criticalPath(tree)) {
      const span = tree.spans[index]
      if (span === undefined) continue
      const { service, name, kind } = span
      const { system, isDatabase } = systems.get(span.spanId) ?? noSystem
      const key = JSON.stringify([service, name, kind, system])
      let part = this.spent.get(key)
      if (part === undefined) {
        part = {
          service,
          name,
          kind,
          system,
          isDatabase,
          isAnswered: false,
          nanos: 0,
          on: 0,
          longest: -1,
          traceId,
          spanId,
        }
        this.spent.set(key, part)
      }
      const length = Number(end - start)
      part.nanos += length
      part.isAnswered ||= (tree.children[index]?.length ?? 0) > 0
      if (!seen.has(key)) part.on++
      seen.add(key)
      if (length > part.longest) Object.assign(part, { longest: length, traceId, spanId: span.spanId })
    }
  }

  get requests(): number {
    return this.#requests
  }

  figures(): { requests: number; meanNanos: string | null } {
    return {
      requests: this.#requests,
      meanNanos: this.#requests === 0 ? null : String(Math.round(this.#nanos / this.#requests)),
    }
  }
}

/** The span and all below it as a tree; undefined where it is not there. Never recursive. */
function below(whole: Tree, spanId: string): Tree | undefined {
  const root = whole.spans.findIndex((span) => span.spanId === spanId)
  if (root < 0) return undefined
  const kept: number[] = []
  const open = [root]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    kept.push(at)
    for (const child of whole.children[at] ?? []) open.push(child)
  }
  return buildTree(kept.sort((a, b) => a - b).flatMap((index) => whole.spans[index] ?? []))
}

function partsOf(slow: Group, others: Group, service: string): CriticalPart[] {
  const mean = (nanos: number | undefined, { requests }: Group): number => (nanos ?? 0) / Math.max(requests, 1)
  return [...new Set([...slow.spent.keys(), ...others.spent.keys()])]
    .map((key): CriticalPart => {
      const [one, other] = [slow.spent.get(key), others.spent.get(key)]
      const told = (one ?? other) as Spent
      return {
        service: told.service,
        name: told.name,
        kind: told.kind,
        what: whatOf(told, service),
        system: told.system,
        slowNanos: Math.round(mean(one?.nanos, slow)),
        ordinaryNanos: Math.round(mean(other?.nanos, others)),
        slowOn: one?.on ?? 0,
        ordinaryOn: other?.on ?? 0,
        traceId: told.traceId,
        spanId: told.spanId,
      }
    })
    .sort(
      (a, b) =>
        b.slowNanos - b.ordinaryNanos - (a.slowNanos - a.ordinaryNanos) ||
        b.slowNanos - a.slowNanos ||
        (a.name < b.name ? -1 : 1),
    )
}

function whatOf({ service, kind, system, isDatabase, isAnswered }: Spent, own: string): CriticalPart['what'] {
  if (isDatabase) return 'database'
  // Time in a call that its callee's spans do not cover: the way there and back, or one that sends no spans.
  if (kind === 4 || (kind === 3 && system !== '')) return 'queue'
  if (kind === 3) return isAnswered ? 'call' : 'outside'
  return service === own ? 'own' : 'service'
}
