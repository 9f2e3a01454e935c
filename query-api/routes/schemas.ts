import { Type, type Static, type TSchema } from 'typebox'
import { askPattern } from '../questions/progress.ts'
import { maxQueryLength } from '../traceql/parse.ts'

// The parameters of all routes, as JSON schema: validated by fastify, shown in the OpenAPI document.

const text = (description: string, maxLength = 4096) => Type.String({ description, maxLength })

/** A query string: nothing but these names. */
export const query = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false })

const time = (which: string) =>
  Type.Optional(text(`${which} RFC 3339 (2026-01-31T12:00:00.123456789Z) or nanoseconds since the Unix epoch.`, 64))

/** The window of span start times that every question about many traces has. */
export const windowProperties = {
  start: time('Spans that start at this time or later. Without it: one hour before the end.'),
  end: time('Spans that start before this time. Without it: now.'),
}

export const limit = (byDefault: number, most: number) =>
  Type.Optional(
    Type.Integer({
      description: `At most so many, ${byDefault} by default.`,
      minimum: 1,
      maximum: most,
      default: byDefault,
    }),
  )

const duration = (which: string) => Type.Optional(text(`${which} 100ms, 1.5s, 250us, or plain nanoseconds.`, 64))

const proxies = Type.Optional(
  Type.Enum(['folded', 'shown'], {
    description:
      'The spans of an application’s own proxies: told as the application’s, once, or as spans like all others (docs/proxies.md).',
    default: 'folded',
  }),
)

export const windowQuery = query({ ...windowProperties, proxies })

export const criticalQuery = query({
  ...windowProperties,
  proxies,
  operation: Type.Optional(text('Only requests of this span name.')),
})

export const topologyQuery = query({
  ...windowProperties,
  proxies,
  service: Type.Optional(text('Only this service and its neighbours.')),
  q: Type.Optional(
    text(
      'Only what spans that match did: one pair of braces in TraceQL. A call counts where its calling or its called span matches.',
      maxQueryLength,
    ),
  ),
})

export const topologyGroupsQuery = query({
  ...windowProperties,
  key: text('A resource attribute: service.namespace, k8s.namespace.name, cloud.region, …'),
})

export const chainsQuery = query({
  ...windowProperties,
  proxies,
  from: text('The service where the chains begin.'),
  to: text('The service where they end.'),
  by: Type.Optional(
    Type.Enum(['services', 'operations'], {
      description: 'Chains differ by their services, or also by the operation that each was entered by.',
      default: 'services',
    }),
  ),
})

const filterProperties = {
  ...windowProperties,
  q: Type.Optional(
    text(
      'A query in TraceQL (docs/traceql.md) in place of all filters below: { resource.service.name = "cart" } >> { status = error }',
      maxQueryLength,
    ),
  ),
  service: Type.Optional(text('Service of the span.')),
  operation: Type.Optional(text('Name of the span.')),
  minDuration: duration('The span takes at least so long.'),
  maxDuration: duration('The span takes at most so long.'),
  status: Type.Optional(Type.Enum(['unset', 'ok', 'error'], { description: 'Status of the span.' })),
  attribute: Type.Optional(
    Type.Array(text('key=value', 65_536), {
      description:
        'key=value, split at the first `=`; repeat it, and all must hold. Compared as text, whatever type was sent. ' +
        "The span's own value before its resource's; `span.key=value` or `resource.key=value` for one of them only. " +
        'Either name of a renamed semantic convention finds both.',
      maxItems: 20,
    }),
  ),
}

export const tracesQuery = query({
  ...filterProperties,
  order: Type.Optional(
    Type.Enum(['newest', 'slowest'], {
      description: 'By the start of the latest matching span, or by the duration of the longest.',
      default: 'newest',
    }),
  ),
  limit: limit(50, 1000),
  count: Type.Optional(Type.Boolean({ description: 'Also count all traces that match.', default: false })),
})

const order = Type.Optional(
  Type.Enum(['newest', 'slowest'], { description: 'By start, or by duration.', default: 'newest' }),
)
const field = (description: string) =>
  text(`${description}: name, duration, span.key, resource.key, rootServiceName, …`)

const which = Type.Optional(
  Type.Enum(['spans', 'requests'], {
    description: 'All spans that match, or only those that serve a request.',
    default: 'spans',
  }),
)

export const heatmapQuery = query({
  ...filterProperties,
  of: which,
  columns: Type.Optional(
    Type.Integer({ description: 'Steps of time, 120 by default.', minimum: 1, maximum: 500, default: 120 }),
  ),
})

export const diagnosisQuery = query({
  ...filterProperties,
  of: which,
  selectedStart: Type.Optional(text('Selected are spans that start at this time or later: a time as in `start`.', 64)),
  selectedEnd: Type.Optional(text('Selected are spans that start before this time.', 64)),
  selectedMin: duration('Selected are spans that take at least so long.'),
  selectedBelow: duration('Selected are spans that take less than this.'),
  failed: Type.Optional(Type.Boolean({ description: 'Selected are spans with status ERROR.', default: false })),
})

export const spansQuery = query({
  ...filterProperties,
  order,
  limit: limit(100, 10_000),
  field: Type.Optional(
    Type.Array(field('A field that is shown of each span'), {
      description: 'Fields shown of each span, as TraceQL writes them; repeat it.',
      maxItems: 20,
    }),
  ),
})

export const groupsQuery = query({
  ...filterProperties,
  of: which,
  by: field('The field whose values make the groups'),
  limit: limit(200, 1000),
})

export const metricsQuery = query({
  ...windowProperties,
  q: text('A metrics query in TraceQL: { status = error } | rate() by (resource.service.name)', maxQueryLength),
  step: duration('Length of a step; about 240 steps by default.'),
  exemplars: Type.Optional(
    Type.Integer({
      description: 'Spans that stand out, of all series together.',
      minimum: 0,
      maximum: 500,
      default: 0,
    }),
  ),
})

const hexTraceId = '[0-9a-fA-F]{32}'
export const traceParams = Type.Object({
  traceId: Type.String({ description: '32 hex digits.', pattern: `^${hexTraceId}$` }),
})

export const progressQuery = query({
  ask: Type.Array(Type.String({ pattern: `^${askPattern}$` }), {
    description: 'Names that were given with questions; repeat it.',
    minItems: 1,
    maxItems: 50,
  }),
})

export const matchesQuery = query({
  q: Type.Optional(text('A query in TraceQL: { status = error } >> { kind = client }', maxQueryLength)),
  word: Type.Optional(
    Type.Array(text('A word, or key=value', maxQueryLength), {
      description: 'In place of q: what must occur in the span, in any case; repeat it.',
      maxItems: 50,
    }),
  ),
})

export const traceQuery = query({
  proxies,
  clocks: Type.Optional(
    Type.Union([Type.Literal('sent'), Type.Literal('corrected')], {
      description:
        '`corrected`: times brought onto the clocks of the root spans, by the estimated differences. Default: as sent.',
    }),
  ),
})

export const detailsQuery = query({
  span: Type.Array(Type.String({ pattern: '^[0-9a-fA-F]{16}$' }), {
    description: 'Ids of spans, 16 hex digits each; repeat it.',
    minItems: 1,
    maxItems: 500,
  }),
})

export const compareQuery = query({
  a: Type.String({ description: 'Id of a trace.', pattern: `^${hexTraceId}$` }),
  b: Type.String({
    description:
      'Id of another, or `typical`: the mean of those that begin with the same operation around the same time.',
    pattern: `^(${hexTraceId}|typical)$`,
  }),
})

export const serviceParams = Type.Object({ name: text('Name of the service.') })

export const attributeKeysQuery = query({
  ...windowProperties,
  service: Type.Optional(text('Only spans of this service.')),
  prefix: Type.Optional(text('Only keys that begin so.')),
  limit: limit(200, 2000),
})

export const attributeValuesQuery = query({
  ...windowProperties,
  key: text('The attribute, as in the search; `span.` or `resource.` before it for one of them only.'),
  service: Type.Optional(text('Only spans of this service.')),
  prefix: Type.Optional(text('Only values that begin so.')),
  limit: limit(50, 1000),
})

export type TracesQuery = Static<typeof tracesQuery>
export type HeatmapQuery = Static<typeof heatmapQuery>
export type SpansQuery = Static<typeof spansQuery>
export type MetricsQuery = Static<typeof metricsQuery>
export type GroupsQuery = Static<typeof groupsQuery>
export type DiagnosisQuery = Static<typeof diagnosisQuery>

const errorAnswer = Type.Object(
  { error: Type.Object({ code: Type.String(), message: Type.String() }) },
  { description: 'What is wrong, in words. 429, 503 and 504 may succeed later.' },
)

/** What every route answers, for the description of the API: the shapes themselves are types (types.ts). */
export const answers = {
  '2xx': Type.Object(
    {},
    { description: 'The answer; its type stands in query-api/types.ts.', additionalProperties: true },
  ),
  '4xx': errorAnswer,
  '5xx': errorAnswer,
}
