import type { CriticalPathSegment, KeyValue, TraceAnswer, TraceSpan, TraceSummary } from '../../query-api/types.ts'

// Made-up traces, the same in every run: a shop's services, plus the odd ones that a UI must stand.

/** A repeatable stream of numbers in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const str = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } })
export const int = (key: string, intValue: number): KeyValue => ({ key, value: { intValue: String(intValue) } })
export const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')

interface Call {
  service: string
  name: string
  kind: number
  attributes?: KeyValue[]
  calls?: Call[]
  /** Calls run at the same time instead of one after another. */
  parallel?: boolean
  fails?: string
  weight: number
}

const sql = (name: string, statement: string, weight: number): Call => ({
  service: '',
  name,
  kind: 3,
  weight,
  attributes: [str('db.system.name', 'postgresql'), str('db.query.text', statement), str('server.address', 'db-1')],
})

const request = (service: string, path: string, weight: number, calls: Call[], fails?: string): Call => ({
  service: '',
  name: `POST ${path}`,
  kind: 3,
  weight,
  attributes: [str('http.request.method', 'POST'), str('url.full', `http://${service}:8080${path}?id=17`)],
  calls: [
    {
      service,
      name: `POST ${path}`,
      kind: 2,
      weight: weight * 0.9,
      attributes: [
        str('http.request.method', 'POST'),
        str('http.route', path),
        int('http.response.status_code', fails === undefined ? 200 : 503),
        str('user_agent.original', 'okhttp/4.12.0'),
        str('url.full', `http://${service}:8080${path}?id=17`),
      ],
      calls,
      ...(fails === undefined ? {} : { fails }),
    },
  ],
  ...(fails === undefined ? {} : { fails: '' }),
})

function checkout(next: () => number, failing: boolean): Call {
  const w = (base: number): number => base * (0.5 + next())
  const items = Array.from({ length: 3 + Math.floor(next() * 4) }, (_, i) =>
    sql('SELECT inventory', `SELECT count FROM inventory WHERE sku = 'sku-${i}' FOR UPDATE`, w(3)),
  )
  return {
    service: 'frontend',
    name: 'POST /checkout',
    kind: 2,
    weight: 10,
    attributes: [
      str('http.request.method', 'POST'),
      str('http.route', '/checkout'),
      int('http.response.status_code', failing ? 502 : 200),
      str('client.address', '203.0.113.9'),
      str('enduser.id', 'user-4711'),
      { key: 'cart.items', value: { arrayValue: { values: [{ stringValue: 'sku-0' }, { stringValue: 'sku-1' }] } } },
    ],
    calls: [
      request('auth', '/token/verify', w(4), [
        { service: '', name: 'GET session', kind: 3, weight: w(1), attributes: [str('db.system.name', 'redis')] },
      ]),
      {
        service: '',
        name: 'build order',
        kind: 1,
        weight: w(60),
        calls: [
          request('cart', '/cart', w(12), [
            { service: '', name: 'HGETALL cart', kind: 3, weight: w(2), attributes: [str('db.system.name', 'redis')] },
            request('pricing', '/price', w(8), [sql('SELECT price', 'SELECT * FROM price WHERE sku = ANY($1)', w(3))]),
          ]),
          request('inventory', '/reserve', w(20), items),
          {
            ...request(
              'payment',
              '/charge',
              w(30),
              [
                sql('INSERT payment', 'INSERT INTO payment VALUES ($1, $2)', w(3)),
                request('fraud-check', '/score', w(14), [{ service: '', name: 'score model', kind: 1, weight: w(10) }]),
              ],
              failing ? 'upstream connect error: connection refused' : undefined,
            ),
          },
        ],
      },
      {
        service: '',
        name: 'publish orders',
        kind: 4,
        weight: w(3),
        attributes: [str('messaging.system', 'kafka'), str('messaging.destination.name', 'orders')],
        calls: [
          {
            service: 'shipping',
            name: 'process orders',
            kind: 5,
            weight: w(9),
            attributes: [str('messaging.system', 'kafka'), str('messaging.destination.name', 'orders')],
            calls: [sql('INSERT shipment', 'INSERT INTO shipment VALUES ($1)', w(3))],
          },
        ],
      },
    ],
    ...(failing ? { fails: 'payment: 503 Service Unavailable' } : {}),
  }
}

const sum = (call: Call): number => call.weight + (call.calls ?? []).reduce((total, one) => total + sum(one), 0) * 1.05

interface Draft {
  span: TraceSpan
  start: number
  stop: number
}

export const blankSpan = (traceId: string, spanId: string, parentSpanId: string): TraceSpan => ({
  traceId,
  spanId,
  parentSpanId,
  traceState: '',
  flags: 257,
  name: '',
  kind: 1,
  startTimeUnixNano: '0',
  endTimeUnixNano: '0',
  attributes: [],
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  links: [],
  droppedLinksCount: 0,
  status: { code: 0, message: '' },
  resource: 0,
  scope: 0,
  service: '',
  receivedAtUnixNano: '0',
  durationNanos: '0',
  invalidTimes: false,
  selfTimeNanos: '0',
  onCriticalPath: false,
  missingParent: false,
  skewNanos: null,
  shiftNanos: '0',
  foldedInto: '',
  copies: 1,
})

/** Puts spans in time, and works out what the server would: durations, self times, critical path, figures. */
export function answerOf(traceId: string, base: bigint, drafts: Draft[]): TraceAnswer {
  const at = (offset: number): string => String(base + BigInt(Math.round(offset)))
  const children = new Map<string, Draft[]>()
  const known = new Map(drafts.map((draft) => [draft.span.spanId, draft]))
  for (const draft of drafts) {
    const list = children.get(draft.span.parentSpanId) ?? []
    list.push(draft)
    children.set(draft.span.parentSpanId, list)
  }
  const services: string[] = []
  for (const { span, start, stop } of drafts) {
    if (!services.includes(span.service)) services.push(span.service)
    const inside = (children.get(span.spanId) ?? []).reduce((total, one) => total + one.stop - one.start, 0)
    span.startTimeUnixNano = at(start)
    span.endTimeUnixNano = at(stop)
    span.durationNanos = String(Math.round(stop - start))
    span.selfTimeNanos = String(Math.max(0, Math.round(stop - start - inside)))
    span.receivedAtUnixNano = at(stop + 2e9)
    span.resource = services.indexOf(span.service)
    span.missingParent = span.parentSpanId !== '' && !known.has(span.parentSpanId)
  }
  drafts.sort((a, b) => a.start - b.start)
  const first = drafts.reduce((least, { start }) => Math.min(least, start), Infinity)
  const last = drafts.reduce((most, { stop }) => Math.max(most, stop), 0)
  const roots = drafts.filter(({ span }) => span.parentSpanId === '' || span.missingParent)
  const criticalPath: CriticalPathSegment[] = []
  for (let step = roots[0]; step !== undefined;) {
    step.span.onCriticalPath = true
    const below: Draft | undefined = (children.get(step.span.spanId) ?? []).toSorted((a, b) => b.stop - a.stop)[0]
    const to: number = below === undefined ? step.stop : below.start
    criticalPath.push({ spanId: step.span.spanId, startTimeUnixNano: at(step.start), endTimeUnixNano: at(to) })
    step = below
  }
  const missing = [...new Set(roots.filter(({ span }) => span.missingParent).map(({ span }) => span.parentSpanId))]
  return {
    traceId,
    complete: missing.length === 0,
    lastReceivedUnixNano: at(last + 2e9),
    startTimeUnixNano: at(first),
    endTimeUnixNano: at(last),
    durationNanos: String(Math.round(last - first)),
    spanCount: drafts.length,
    errorCount: drafts.filter(({ span }) => span.status.code === 2).length,
    duplicatesRemoved: 0,
    roots: roots.map(({ span }) => span.spanId),
    missingParents: missing.map((spanId) => ({
      spanId,
      children: (children.get(spanId) ?? []).map(({ span }) => span.spanId),
    })),
    cycles: [],
    criticalPath,
    clockSkews: [],
    clocks: 'sent',
    clockCorrections: [],
    proxies: 'shown',
    proxySpans: 0,
    services: services.map((name) => {
      const own = drafts.filter(({ span }) => span.service === name)
      return {
        name,
        spans: own.length,
        errors: own.filter(({ span }) => span.status.code === 2).length,
        startTimeUnixNano: own[0]?.span.startTimeUnixNano ?? '0',
        durationNanos: String(Math.round((own.at(-1)?.stop ?? 0) - (own[0]?.start ?? 0))),
        selfTimeNanos: String(own.reduce((total, { span }) => total + Number(span.selfTimeNanos), 0)),
      }
    }),
    resources: services.map((name) => ({
      attributes: [
        str('service.name', name),
        str('service.version', '1.4.2'),
        str('deployment.environment.name', 'production'),
        str('k8s.pod.name', `${name}-7d9f8b6c5d-x2x9z`),
        str('telemetry.sdk.language', 'java'),
        int('process.pid', 1),
      ],
      droppedAttributesCount: 0,
      schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
    })),
    scopes: [
      {
        name: 'io.opentelemetry.tomcat-10.0',
        version: '2.11.0',
        attributes: [],
        droppedAttributesCount: 0,
        schemaUrl: '',
      },
    ],
    spans: drafts.map(({ span }) => span),
  }
}

/** A checkout in the shop, some 30 spans over 9 services. */
export function checkoutTrace(n: number, base: bigint, failing: boolean): TraceAnswer {
  const next = random(n + 1)
  const traceId = `${hex(n + 1, 8)}b3577b34da6a3ce929d0e0e4`.padEnd(32, '0').slice(0, 32)
  const drafts: Draft[] = []
  const scale = 1e6 * (0.3 + next() ** 3 * 6)
  const place = (call: Call, parent: string, above: string, start: number): number => {
    const spanId = hex(n * 1000 + drafts.length + 1, 16)
    const span = blankSpan(traceId, spanId, parent)
    span.name = call.name
    span.service = call.service === '' ? above : call.service
    span.kind = call.kind
    span.attributes = [...(call.attributes ?? []), str('thread.name', `exec-${Math.floor(next() * 9)}`)]
    const draft: Draft = { span, start, stop: start }
    drafts.push(draft)
    let at = start + call.weight * scale * 0.1 * next()
    for (const one of call.calls ?? []) at = place(one, spanId, span.service, at) + 0.05 * scale
    draft.stop = Math.max(at, start + call.weight * scale * 0.2) + 0.1 * scale
    if (call.fails !== undefined) {
      span.status = { code: 2, message: call.fails }
      span.events = [
        {
          timeUnixNano: String(base + BigInt(Math.round(draft.stop - 0.1 * scale))),
          name: 'exception',
          attributes: [
            str('exception.type', 'java.net.ConnectException'),
            str('exception.message', call.fails),
            str(
              'exception.stacktrace',
              `java.net.ConnectException: ${call.fails}\n\tat shop.payment.Client.charge(Client.java:84)\n\tat shop.order.Order.build(Order.java:31)`,
            ),
          ],
          droppedAttributesCount: 0,
        },
      ]
    }
    return draft.stop
  }
  const call = checkout(next, failing)
  if (sum(call) > 0) place(call, '', 'frontend', 0)
  return answerOf(traceId, base, drafts)
}

/** One trace with so many spans: a batch job that works through its rows. */
export function bigTrace(traceId: string, base: bigint, many: number): TraceAnswer {
  const next = random(7)
  const drafts: Draft[] = []
  const services = ['batch', 'worker', 'inventory', 'pricing', 'search', 'mailer', 'ledger']
  const root = blankSpan(traceId, hex(1, 16), '')
  Object.assign(root, { name: 'nightly reconciliation', service: 'batch', kind: 1 })
  drafts.push({ span: root, start: 0, stop: many * 1e6 * 1.02 })
  const open: Draft[] = [drafts[0] as Draft]
  for (let i = 1; i < many; i++) {
    const depth = Math.min(open.length - 1, Math.floor(next() * 7))
    const parent = open[depth] as Draft
    const span = blankSpan(traceId, hex(i + 1, 16), parent.span.spanId)
    span.service = services[(depth + (next() < 0.2 ? 1 : 0)) % services.length] ?? 'batch'
    span.name = ['reconcile row', 'load', 'compare', 'write', 'notify', 'SELECT row', 'GET /item/{id}'][depth] ?? 'step'
    span.kind = 1 + (i % 3)
    span.attributes = [int('row', i), str('table', 'orders')]
    if (next() < 0.004) span.status = { code: 2, message: 'row differs' }
    const start = Math.max(parent.start, i * 1e6)
    const draft = { span, start, stop: start + (0.2 + next() * 3) * 1e6 * (7 - depth) }
    drafts.push(draft)
    open.length = depth + 1
    open.push(draft)
  }
  return answerOf(traceId, base, drafts)
}

/** A page that asks the database for each of its rows, 480 times, and a price for some: what a slow list looks like. */
export function listTrace(traceId: string, base: bigint): TraceAnswer {
  const next = random(3)
  const drafts: Draft[] = []
  const put = (parent: string, service: string, name: string, kind: number, start: number, length: number): Draft => {
    const span = blankSpan(traceId, hex(drafts.length + 1, 16), parent)
    Object.assign(span, { service, name, kind })
    const draft = { span, start, stop: start + length }
    drafts.push(draft)
    return draft
  }
  const root = put('', 'frontend', 'GET /orders', 2, 0, 4.1e9)
  const call = put(root.span.spanId, 'frontend', 'GET /orders', 3, 20e6, 4e9)
  const list = put(call.span.spanId, 'orders', 'GET /orders', 2, 40e6, 3.95e9)
  put(list.span.spanId, 'orders', 'SELECT orders', 3, 60e6, 45e6)
  let at = 120e6
  for (let i = 0; i < 480; i++) {
    const select = put(list.span.spanId, 'orders', 'SELECT order_item', 3, at, 3e6 + next() * 7e6)
    select.span.attributes = [str('db.system.name', 'postgresql'), str('db.query.text', 'SELECT * FROM order_item')]
    if (i % 97 === 96) select.span.status = { code: 2, message: 'canceling statement due to lock timeout' }
    at = select.stop + next() * 0.4e6
  }
  at += 60e6
  for (let i = 0; i < 40; i++) {
    const ask = put(list.span.spanId, 'orders', 'POST /price', 3, at, 9e6 + next() * 4e6)
    const price = put(ask.span.spanId, 'pricing', 'POST /price', 2, at + 1e6, 7e6)
    put(price.span.spanId, 'pricing', 'GET price', 3, at + 2e6, 3e6)
    at = ask.stop + 0.5e6
  }
  put(list.span.spanId, 'orders', 'render', 1, at, 3.95e9 + 30e6 - at)
  return answerOf(traceId, base, drafts)
}

/** What the search says of a trace. */
export function summaryOf(trace: TraceAnswer): TraceSummary {
  const root = trace.spans.find(({ parentSpanId }) => parentSpanId === '') ?? trace.spans[0]
  return {
    traceId: trace.traceId,
    rootService: root?.service ?? '',
    rootName: root?.name ?? '',
    hasRoot: root?.parentSpanId === '',
    startTimeUnixNano: trace.startTimeUnixNano,
    durationNanos: trace.durationNanos,
    spanCount: trace.spanCount,
    errorCount: trace.errorCount,
    services: trace.services.map(({ name, spans, errors }) => ({ name, spans, errors })),
    match: {
      spanId: root?.spanId ?? '',
      startTimeUnixNano: trace.startTimeUnixNano,
      durationNanos: trace.durationNanos,
    },
  }
}
