import type { Asker } from '../questions/ask.ts'
import type { Matching } from '../questions/matching.ts'
import { windowParams } from '../questions/spans.ts'
import type { ComparedSpans, ComparedValue, DiagnosisAnswer, DiagnosisTime, Finding } from '../types.ts'
import { resourceAspects, spanAspects, type Aspect } from './attributes.ts'
import { callsOf, type Calls, type Moments } from './calls.ts'
import { score, type Counts } from './score.ts'
import { sidesOf, type Selection } from './selection.ts'

/** Findings below this are not worth a line. */
const leastScore = 0.02
const mostFindings = 50
const mostValues = 12

/**
 * What tells how a failure or a wait looks from outside, in the names of the semantic conventions. In a selection of
 * failed spans nearly all have them, which explains nothing: they are listed apart.
 */
const symptoms: ReadonlySet<string> = new Set([
  'status message',
  'error',
  'error.type',
  'error.message',
  'exception.type',
  'exception.message',
  'http.response.status_code',
  'http.response.body.size',
  'http.response_content_length',
  'http.status_text',
  'http.error_name',
  'http.error_message',
  'db.response.status_code',
  'rpc.response.status_code',
  'rpc.grpc.status_code',
  'rpc.connect_rpc.error_code',
  'grpc.error_name',
  'grpc.error_message',
  'otel.status_code',
  'otel.status_description',
])

/** Of aspects that go together in every span, the first of these names it. */
const tellingKeys = ['service', 'operation', 'service.version', 'k8s.pod.name', 'host.name', 'service.instance.id']

/**
 * What the selected spans have more often than the others that match the filter, and where their time goes: over every
 * attribute, resource, operation and child call, best explanation first. Exact counts, but that of each side at most some
 * 30,000 spans are looked at.
 */
export async function diagnose(asker: Asker, asked: Matching, selection: Selection): Promise<DiagnosisAnswer> {
  const sides = await sidesOf(asker, asked, selection)
  const answer = { ...windowParams(asked.window), findings: [], symptoms: [], time: [] }
  if (sides.selected.spans === 0 || sides.rest.spans === 0) {
    return { ...answer, selected: sides.selected, rest: sides.rest }
  }
  const [ofSpans, ofResources, calls] = await Promise.all([
    spanAspects(asker, sides),
    resourceAspects(asker, sides),
    callsOf(asker, sides, asked.window),
  ])
  // Every span has a kind.
  const lookedAt = ofSpans.find(({ level, key }) => level === 'field' && key === 'kind')?.having ?? {
    selected: 0,
    rest: 0,
  }
  const found = [...ofSpans, ...ofResources].map((aspect) => aspectFinding(aspect, lookedAt))
  const ranked = merged(
    [...found, ...calls.flatMap((of) => callFindings(of, lookedAt))].filter((one) => one.score >= leastScore),
  )
  const isSymptom = ({ level, key }: Finding): boolean => level !== 'call' && symptoms.has(key)
  const selected = { ...sides.selected, lookedAt: lookedAt.selected }
  const rest = { ...sides.rest, lookedAt: lookedAt.rest }
  return {
    ...answer,
    selected,
    rest,
    findings: ranked.filter((finding) => !isSymptom(finding)).slice(0, mostFindings),
    symptoms: ranked.filter(isSymptom).slice(0, mostFindings),
    time: timeOf(calls, selected, rest),
  }
}

/** The value that tells the sides apart best, and the others of its key beside it. */
function aspectFinding({ level, key, having, values, tries }: Aspect, lookedAt: Counts): Finding {
  const without: ComparedValue = {
    is: 'absent',
    value: '',
    selected: Math.max(0, lookedAt.selected - having.selected),
    rest: Math.max(0, lookedAt.rest - having.rest),
  }
  const all = without.selected + without.rest > 0 ? [...values, without] : values
  const scored = all.map((value) => ({ value, score: score(value, lookedAt, tries) })).sort((a, b) => b.score - a.score)
  const best = scored[0]
  return {
    level,
    key,
    score: best?.score ?? 0,
    value: best?.value ?? without,
    // Ranges overlap: beside the best one the others say nothing.
    values: all.some(({ is }) => is === '>=') ? [] : byCount(all).slice(0, mostValues),
    same: [],
  }
}

const byCount = (values: readonly ComparedValue[]): ComparedValue[] =>
  values.toSorted((a, b) => b.selected + b.rest - (a.selected + a.rest))

/** Of the calls of one kind: that they are made so often, and that one fails. */
function callFindings({ service, name, kind, place, having, failing }: Calls, lookedAt: Counts): Finding[] {
  const call = { service, name, kind, place }
  const best = having
    .map((counts) => ({ counts, score: score(counts, lookedAt, having.length) }))
    // Of those alike the higher number of calls says more.
    .reduce<{ counts: Counts & { times: number }; score: number } | undefined>(
      (most, one) => (most === undefined || one.score >= most.score ? one : most),
      undefined,
    )
  const key = `${service}: ${name}`
  const found: Finding[] = []
  if (best !== undefined) {
    const { times, selected, rest } = best.counts
    const value: ComparedValue = { is: '>=', value: String(times), selected, rest }
    found.push({ level: 'call', key, call, score: best.score, value, values: [], same: [] })
  }
  const failed: ComparedValue = { is: 'failed', value: '', ...failing }
  found.push({ level: 'call', key, call, score: score(failing, lookedAt, 1), value: failed, values: [], same: [] })
  return found
}

/** Ranked, and those that hold for the same spans put together: one cause has many names (version, pod, instance). */
function merged(findings: readonly Finding[]): Finding[] {
  const groups = Map.groupBy(findings, ({ value: { selected, rest } }) => `${selected}/${rest}`)
  const place = ({ key }: Finding): number => tellingKeys.indexOf(key) + 1 || tellingKeys.length + 1
  return [...groups.values()]
    .map((group) => {
      const [first, ...same] = group.toSorted((a, b) => place(a) - place(b) || (a.key < b.key ? -1 : 1)) as [
        Finding,
        ...Finding[],
      ]
      return { ...first, same: same.map(({ level, key, value }) => ({ level, key, value })) }
    })
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
}

/**
 * Where the selected spans spend the time that they take longer than the rest, on average: in each kind of call, and in
 * what is left, their own code (or waiting between calls). Calls side by side may add up to more than all of it.
 */
function timeOf(calls: readonly Calls[], selected: ComparedSpans, rest: ComparedSpans): DiagnosisTime[] {
  const longer = (selected.meanNanos ?? 0) - (rest.meanNanos ?? 0)
  if (longer <= 0) return []
  const times = calls.map(({ service, name, kind, place, nanos }): DiagnosisTime => {
    const [a, b] = [averageOf(nanos.selected, selected.lookedAt), averageOf(nanos.rest, rest.lookedAt)]
    const sure = Math.max(0, a.mean - b.mean - 1.96 * Math.sqrt(a.variance + b.variance))
    return {
      call: { service, name, kind, place },
      selectedNanos: a.mean,
      restNanos: b.mean,
      share: Math.min(1, sure / longer),
    }
  })
  const inCalls = (of: 'selectedNanos' | 'restNanos'): number => times.reduce((sum, time) => sum + time[of], 0)
  const own: DiagnosisTime = {
    call: null,
    selectedNanos: Math.max(0, (selected.meanNanos ?? 0) - inCalls('selectedNanos')),
    restNanos: Math.max(0, (rest.meanNanos ?? 0) - inCalls('restNanos')),
    share: 0,
  }
  const ownShare = Math.min(1, Math.max(0, (own.selectedNanos - own.restNanos) / longer))
  return [...times, { ...own, share: ownShare }]
    .filter(({ share }) => share >= leastScore)
    .sort((a, b) => b.share - a.share)
    .slice(0, mostValues)
}

function averageOf({ sum, squares }: Moments, spans: number): { readonly mean: number; readonly variance: number } {
  if (spans === 0) return { mean: 0, variance: 0 }
  const mean = sum / spans
  return { mean, variance: Math.max(0, squares / spans - mean * mean) / spans }
}
