import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import type {
  AttributeKeysAnswer,
  AttributeValuesAnswer,
  CallChainsAnswer,
  Clocks,
  CompareAnswer,
  ConfigAnswer,
  DiagnosisAnswer,
  GroupsAnswer,
  HeatmapAnswer,
  MetricsAnswer,
  OperationsAnswer,
  Proxies,
  RetentionAnswer,
  ServiceAnswer,
  ServiceCriticalAnswer,
  ServiceExceptionsAnswer,
  ServiceGroupsAnswer,
  ServiceHostsAnswer,
  ServiceInstancesAnswer,
  ServiceQueuesAnswer,
  ServicesAnswer,
  ServiceStatementsAnswer,
  SpansAnswer,
  TopologyAnswer,
  TraceDetailsAnswer,
  TraceMatchesAnswer,
  TracesAnswer,
} from '../../../query-api/types.ts'
import type { Clock } from '../frame/clock.tsx'
import { ask, type Params } from './client.ts'
import { askTrace } from './trace.ts'

/** What every question about a window needs of the clock. */
export type Window = Pick<Clock, 'now' | 'resolved'> & Partial<Pick<Clock, 'proxies'>>

const minute = 60_000

// Milliseconds are all that a range holds; the API takes Unix nanoseconds as text.
const bounds = ({ resolved }: Window): { start: string; end: string } => ({
  start: `${Math.floor(resolved.from)}000000`,
  end: `${Math.floor(resolved.to)}000000`,
})

function windowed<Answer>(name: string, path: string, window: Window, params: Params = {}) {
  return queryOptions({
    queryKey: [name, path, bounds(window), params, window.now],
    queryFn: ({ signal }) => ask<Answer>(path, { ...bounds(window), ...params }, signal),
    placeholderData: keepPreviousData,
    gcTime: minute,
  })
}

/** A question that proxies' spans make a difference to. */
const proxied = <Answer>(name: string, path: string, window: Window, params: Params = {}) =>
  windowed<Answer>(name, path, window, { ...params, proxies: asked(window.proxies) })

const asked = (proxies: Proxies | undefined) => (proxies === 'shown' ? proxies : undefined)

/** How a trace is asked for; what is so anyway is not said. */
export const askedHow = (clocks: Clocks, proxies: Proxies) => ({
  clocks: clocks === 'sent' ? undefined : clocks,
  proxies: asked(proxies),
})

export interface TraceFilter {
  /** TraceQL; then nothing else stands beside it. */
  readonly q?: string | undefined
  readonly service?: string | undefined
  readonly operation?: string | undefined
  readonly minDuration?: string | undefined
  readonly maxDuration?: string | undefined
  readonly status?: string | undefined
  readonly attribute?: readonly string[] | undefined
}

export const tracesQuestion = (window: Window, filter: TraceFilter, order: string, limit: number) =>
  windowed<TracesAnswer>('traces', 'api/traces', window, { ...filter, order, limit })

/** How many traces match in all: asked apart, because it costs more than the list. */
export const totalQuestion = (window: Window, filter: TraceFilter) =>
  windowed<TracesAnswer>('total', 'api/traces', window, { ...filter, limit: 1, count: true })

export const spansQuestion = (
  window: Window,
  filter: TraceFilter,
  order: string,
  limit: number,
  field: readonly string[],
) => windowed<SpansAnswer>('spans', 'api/spans', window, { ...filter, order, limit, field })

export const groupsQuestion = (window: Window, filter: TraceFilter, by: string, limit: number, of: Which = 'spans') =>
  windowed<GroupsAnswer>('groups', 'api/groups', window, { ...filter, by, limit, of })

export const metricsQuestion = (window: Window, q: string) =>
  windowed<MetricsAnswer>('metrics', 'api/metrics', window, { q })

/** Which of the spans that match: those that serve a request, or all. */
export type Which = 'requests' | 'spans'

export const heatmapQuestion = (window: Window, filter: TraceFilter, of: Which, columns?: number) =>
  windowed<HeatmapAnswer>('heatmap', 'api/heatmap', window, { ...filter, of, columns })

export const diagnosisQuestion = (window: Window, filter: TraceFilter, of: Which, selection: Params) =>
  windowed<DiagnosisAnswer>('diagnosis', 'api/diagnosis', window, { ...filter, of, ...selection })

export const servicesQuestion = (window: Window) => proxied<ServicesAnswer>('services', 'api/services', window)

const ofService =
  <Answer>(name: string, part: string) =>
  (window: Window, service: string) =>
    proxied<Answer>(name, `api/services/${encodeURIComponent(service)}${part}`, window)

export const operationsQuestion = ofService<OperationsAnswer>('operations', '/operations')
export const serviceQuestion = ofService<ServiceAnswer>('service', '')
export const serviceStatementsQuestion = ofService<ServiceStatementsAnswer>('statements', '/statements')
export const serviceQueuesQuestion = ofService<ServiceQueuesAnswer>('queues', '/queues')
export const serviceHostsQuestion = ofService<ServiceHostsAnswer>('hosts', '/hosts')
export const serviceExceptionsQuestion = ofService<ServiceExceptionsAnswer>('exceptions', '/exceptions')
export const serviceInstancesQuestion = ofService<ServiceInstancesAnswer>('instances', '/instances')

/** `operation`: only requests of that span name. */
export const serviceCriticalQuestion = (window: Window, service: string, operation: string | undefined) =>
  proxied<ServiceCriticalAnswer>('critical', `api/services/${encodeURIComponent(service)}/critical`, window, {
    operation,
  })

/** Of one service and its neighbours, or of all; only what spans that match a query did. */
export const topologyQuestion = (window: Window, of: { service?: string | undefined; q?: string | undefined }) =>
  proxied<TopologyAnswer>('topology', 'api/topology', window, of)

/** Which value of a resource attribute each service has. */
export const serviceGroupsQuestion = (window: Window, key: string) =>
  windowed<ServiceGroupsAnswer>('service-groups', 'api/topology/groups', window, { key })

/** The chains of calls from one service to another. */
export const chainsQuestion = (window: Window, from: string, to: string, by: CallChainsAnswer['by']) =>
  proxied<CallChainsAnswer>('chains', 'api/chains', window, { from, to, by })

export const attributeKeysQuestion = (window: Window, service: string | undefined) =>
  windowed<AttributeKeysAnswer>('keys', 'api/attributes', window, { service })

export const attributeValuesQuestion = (window: Window, key: string, service: string | undefined) =>
  windowed<AttributeValuesAnswer>('values', 'api/attributes/values', window, { key, service })

/** A value of a field, as Tempo's API tells it. */
export interface FieldValue {
  readonly type: string
  readonly value: string
}

/** The values of a field of TraceQL, with their types: as Tempo's API tells them. */
export const fieldValuesQuestion = (window: Window, field: string) =>
  windowed<{ readonly tagValues: readonly FieldValue[] }>(
    'field-values',
    `tempo/api/v2/search/tag/${encodeURIComponent(field)}/values`,
    window,
    { limit: 100 },
  )

/** One trace never needs a time range. */
export const traceQuestion = (traceId: string, clocks: Clocks = 'sent', proxies: Proxies = 'folded') =>
  queryOptions({
    queryKey: ['trace', traceId, clocks, proxies],
    queryFn: ({ signal }) => askTrace(`api/traces/${encodeURIComponent(traceId)}`, askedHow(clocks, proxies), signal),
    gcTime: 2 * minute,
  })

/** Which spans of a trace a query in TraceQL finds. */
export const matchesQuestion = (
  traceId: string,
  asked: { readonly q: string } | { readonly word: readonly string[] },
) =>
  queryOptions({
    queryKey: ['matches', traceId, asked],
    queryFn: ({ signal }) =>
      ask<TraceMatchesAnswer>(`api/traces/${encodeURIComponent(traceId)}/matches`, asked, signal),
    retry: false,
  })

/** What was sent of some spans of a trace. */
export const askDetails = (traceId: string, span: readonly string[], signal: AbortSignal) =>
  ask<TraceDetailsAnswer>(`api/traces/${encodeURIComponent(traceId)}/details`, { span }, signal)

/** Two traces, or one and `typical`. */
export const compareQuestion = (a: string, b: string) =>
  queryOptions({
    queryKey: ['compare', a, b],
    queryFn: ({ signal }) => ask<CompareAnswer>('api/compare', { a, b }, signal),
    gcTime: 2 * minute,
  })

export const configQuestion = queryOptions({
  queryKey: ['config'],
  queryFn: ({ signal }) => ask<ConfigAnswer>('api/config', {}, signal),
  staleTime: Infinity,
})

export const retentionQuestion = queryOptions({
  queryKey: ['retention'],
  queryFn: ({ signal }) => ask<RetentionAnswer>('api/retention', {}, signal),
  staleTime: minute,
  refetchInterval: 5 * minute,
})
