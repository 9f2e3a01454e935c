import type { TraceAnswer } from '../../query-api/types.ts'
import { answerOf, blankSpan, hex, int, str } from './story.ts'

// The traces that hurt: hostile names, very long and right-to-left ones, missing parents, wrong clocks, odd values.

export const payloads = [
  '<img src=x onerror="window.__xss=1">',
  '"><script>window.__xss=2</script>',
  "'-window.__xss=3-'",
  '{{constructor.constructor("window.__xss=4")()}}',
  '<svg/onload=window.__xss=5>',
  'javascript:window.__xss=6',
  '</title><iframe srcdoc="<script>parent.__xss=7</script>">',
] as const

export const hostileId = 'bad0bad0bad0bad0bad0bad0bad0bad0'
export const strayId = '57a957a957a957a957a957a957a957a9'
export const oddId = '0ddba11c0ffee0000ddba11c0ffee000'

export const longName = `GET /api/v2/${'organisations/{organisation}/projects/{project}/'.repeat(4)}items`.slice(0, 200)
export const arabic = 'معالجة طلب الشراء رقم ٤٢'
export const hebrew = 'שירות-תשלומים'

/** Payloads wherever a name or a value can stand. */
export function hostileTrace(base: bigint): TraceAnswer {
  const drafts = payloads.map((payload, i) => {
    const span = blankSpan(hostileId, hex(i + 1, 16), i === 0 ? '' : hex(i, 16))
    span.name = payload
    span.service = payload
    span.traceState = payload
    span.status = { code: 2, message: payload }
    span.attributes = [
      str(payload, payload),
      str('url.full', 'javascript:window.__xss=8'),
      str('link.data', 'data:text/html,<script>window.__xss=9</script>'),
      str('link.good', 'https://example.com/?q=<script>'),
      str('json', JSON.stringify({ html: payload })),
      { key: '__proto__', value: { kvlistValue: { values: [str('polluted', payload)] } } },
    ]
    span.events = [
      { timeUnixNano: String(base), name: payload, attributes: [str(payload, payload)], droppedAttributesCount: 0 },
    ]
    span.links = [{ traceId: payload, spanId: payload, attributes: [str(payload, payload)] }]
    return { span, start: i * 1e6, stop: 20e6 - i * 1e6 }
  })
  const answer = answerOf(hostileId, base, drafts)
  answer.scopes = [{ ...answer.scopes[0]!, name: payloads[0], version: payloads[1] }]
  return answer
}

/** Long and right-to-left names, a missing parent, a wrong clock, times that make no sense, every type of value. */
export function oddTrace(base: bigint): TraceAnswer {
  const make = (n: number, parent: string, service: string, name: string) => {
    const span = blankSpan(oddId, hex(n, 16), parent)
    return Object.assign(span, { service, name })
  }
  const root = make(1, '', 'gateway', longName)
  root.attributes = [
    str('http.route', longName),
    int('big', 9_007_199_254_740_991),
    { key: 'bigger', value: { intValue: '-9223372036854775808' } },
    { key: 'double', value: { doubleValue: 0.1 } },
    { key: 'nan', value: { doubleValue: 'NaN' } },
    { key: 'bool', value: { boolValue: false } },
    { key: 'bytes', value: { bytesValue: 'AAEC/w==' } },
    { key: 'empty', value: {} },
    { key: 'array', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'two' }, {}] } } },
    { key: 'kvlist', value: { kvlistValue: { values: [str('a', 'b'), { key: 'c', value: { boolValue: true } }] } } },
    str('empty.string', ''),
    str('very.long', 'lorem ipsum '.repeat(800)),
    str('أساسي', arabic),
    str(`long.key.${'segment.'.repeat(20)}end`, 'value'),
  ]
  const right = make(2, root.spanId, hebrew, arabic)
  const skewed = make(3, right.spanId, 'edge-node', 'render')
  skewed.skewNanos = '-12300000'
  const lost = make(4, 'feedfeedfeedfeed', 'notifier', 'send mail')
  const lost2 = make(5, 'feedfeedfeedfeed', 'notifier', 'send push')
  const odd = make(6, root.spanId, 'iot-device', 'measure')
  const long = make(7, root.spanId, `service-${'with-a-very-long-name-'.repeat(9)}end`.slice(0, 200), longName)
  const answer = answerOf(oddId, base, [
    { span: root, start: 0, stop: 120e6 },
    { span: right, start: 5e6, stop: 60e6 },
    { span: skewed, start: 40e6, stop: 80e6 },
    { span: lost, start: 90e6, stop: 110e6 },
    { span: lost2, start: 95e6, stop: 100e6 },
    { span: odd, start: 50e6, stop: 50e6 },
    { span: long, start: 62e6, stop: 88e6 },
  ])
  odd.invalidTimes = true
  answer.clockSkews = [{ parentService: hebrew, childService: 'edge-node', offsetNanos: '-12300000', spans: 1 }]
  answer.clockCorrections = [{ service: 'edge-node', shiftNanos: '-12300000', spans: 1 }]
  answer.duplicatesRemoved = 2
  right.copies = 3
  return answer
}

/** A root of 20 ms, and a span of a machine whose clock is an hour late. */
export function strayTrace(base: bigint): TraceAnswer {
  const root = Object.assign(blankSpan(strayId, hex(1, 16), ''), { service: 'gateway', name: 'GET /' })
  const stray = Object.assign(blankSpan(strayId, hex(2, 16), root.spanId), { service: 'sensor', name: 'measure' })
  return answerOf(strayId, base, [
    { span: root, start: 0, stop: 20e6 },
    { span: stray, start: 3600e9, stop: 3600e9 + 5e6 },
  ])
}

/** A chain as deep as a mad recursion makes it. */
export function deepTrace(traceId: string, base: bigint, depth: number): TraceAnswer {
  const drafts = Array.from({ length: depth }, (_, i) => {
    const span = blankSpan(traceId, hex(i + 1, 16), i === 0 ? '' : hex(i, 16))
    Object.assign(span, { service: 'recursive', name: `fib(${depth - i})` })
    return { span, start: i * 1e3, stop: (2 * depth - i) * 1e3 }
  })
  return answerOf(traceId, base, drafts)
}
