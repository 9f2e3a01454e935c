import { ask } from './clickhouse.ts'

export interface Latency {
  readonly name: string
  readonly p50: number
  readonly longest: number
  readonly times: number
  /** The first one, which finds nothing in memory. */
  readonly first: number
}

/** What the questions are about: single things that are stored, and times in ns. */
export interface Subject {
  readonly trace: string
  /** A value of the attribute `session.id`, which few spans have. */
  readonly session: string
  readonly first: bigint
  readonly hourAgo: bigint
  readonly end: bigint
}

/** Finds something to ask about in what is stored. */
export async function subjectOf(weft: { readonly clickhouse: string }): Promise<Subject> {
  const [[last = '0', first = '0'] = []] = await ask(weft.clickhouse, 'SELECT max(start_ns), min(start_ns) FROM spans')
  const [[trace = '', session = ''] = []] = await ask(
    weft.clickhouse,
    `SELECT lower(hex(trace_id)), attributes_string['session.id'] FROM spans
     WHERE service = 'pricing' AND attributes_string['session.id'] != '' AND start_ns > ${BigInt(last) - 1_800_000_000_000n} LIMIT 1`,
  )
  const end = BigInt(last) + 1n
  return { trace, session, first: BigInt(first), hourAgo: end - 3_600_000_000_000n, end }
}

/** The questions of the API, each as a URL: an hour up to the last span, all times, and single things in them. */
export function questionsAbout(
  weft: { readonly http: string },
  { trace, session, first, hourAgo, end }: Subject,
): readonly (readonly [name: string, url: string])[] {
  const hour = `start=${hourAgo}&end=${end}`
  const all = `start=${first}&end=${end}`
  const traces = `${weft.http}/api/traces`
  const q = (query: string): string => `q=${encodeURIComponent(query)}`
  return [
    ['trace by id, no time given', `${traces}/${trace}`],
    ['services, 1 h', `${weft.http}/api/services?${hour}`],
    ['services, all', `${weft.http}/api/services?${all}`],
    ['operations of a service, 1 h', `${weft.http}/api/services/catalogue/operations?${hour}`],
    ['topology, 1 h', `${weft.http}/api/topology?${hour}`],
    ['topology of a service, 1 h', `${weft.http}/api/topology?${hour}&service=payment`],
    ['newest 20 traces, 1 h', `${traces}?${hour}&limit=20`],
    ['slowest 20 traces, 1 h', `${traces}?${hour}&limit=20&order=slowest`],
    [
      'rare attribute value, 1 h',
      `${traces}?${hour}&limit=20&attribute=${encodeURIComponent(`session.id=${session}`)}`,
    ],
    ['rare attribute value, all', `${traces}?${all}&limit=20&attribute=${encodeURIComponent(`session.id=${session}`)}`],
    [
      'service + attribute + duration, newest 20, 1 h',
      `${traces}?${hour}&limit=20&service=pricing&attribute=customer.group%3Dreseller&minDuration=2ms`,
    ],
    ['errors of a service, newest 20, 1 h', `${traces}?${hour}&limit=20&service=payment&status=error`],
    ['attribute keys, 1 h', `${weft.http}/api/attributes?${hour}`],
    ['values of an attribute, 1 h', `${weft.http}/api/attributes/values?${hour}&key=customer.group`],
    [
      'services by an attribute, 1 h',
      `${weft.http}/api/groups?${hour}&by=resource.service.name&of=requests&attribute=customer.group%3Dreseller`,
    ],
    ['groups by an attribute, 1 h', `${weft.http}/api/groups?${hour}&by=span.http.route`],
    ['topology of errors, 1 h', `${weft.http}/api/topology?${hour}&${q('{ status = error }')}`],
    ['topology, all', `${weft.http}/api/topology?${all}`],
    ['service over time, 1 h', `${weft.http}/api/services/catalogue?${hour}`],
    ['statements of a service, 1 h', `${weft.http}/api/services/catalogue/statements?${hour}`],
    ['exceptions of a service, 1 h', `${weft.http}/api/services/payment/exceptions?${hour}`],
    [
      'structural query, newest 20, 1 h',
      `${traces}?${hour}&limit=20&${q('{ resource.service.name = "checkout" } >> { status = error }')}`,
    ],
    ['rate by service, 1 h', `${weft.http}/api/metrics?${hour}&${q('{ } | rate() by (resource.service.name)')}`],
    [
      'p99 by operation of a service, 1 h',
      `${weft.http}/api/metrics?${hour}&${q('{ resource.service.name = "catalogue" && kind = server } | quantile_over_time(duration, 0.99) by (name)')}`,
    ],
    ['heat map of a service, 1 h', `${weft.http}/api/heatmap?${hour}&service=catalogue`],
    [
      'diagnosis of the slow, a service, 1 h',
      `${weft.http}/api/diagnosis?${hour}&service=pricing&of=requests&selectedMin=20ms`,
    ],
    [
      'newest 100 spans with fields, 1 h',
      `${weft.http}/api/spans?${hour}&field=span.http.route&field=resource.host.name`,
    ],
  ]
}

/** Asks each question `times` times, one after another; milliseconds until the whole answer was read. */
export async function latencies(
  questions: readonly (readonly [name: string, url: string])[],
  times: number,
): Promise<readonly Latency[]> {
  const measured: Latency[] = []
  for (const [name, url] of questions) {
    const took: number[] = []
    for (let i = 0; i < times; i++) {
      const begun = performance.now()
      await askOnce(name, url)
      took.push(performance.now() - begun)
    }
    const [first = 0] = took
    took.sort((a, b) => a - b)
    measured.push({ name, first, p50: took[took.length >> 1] ?? 0, longest: took.at(-1) ?? 0, times })
  }
  return measured
}

/** Asks and reads the whole answer. Throws with what was answered if it is an error. */
export async function askOnce(name: string, url: string): Promise<void> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Error(`${name}: HTTP ${response.status} ${text.slice(0, 300)} (${url})`)
}
