import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static, type TSchema } from 'typebox'
import { AppError } from '../../base/errors.ts'
import { ByteWriter, writeByte, writeBytes, written, writeVarint } from '../../otlp/byte-writer.ts'
import { wireType } from '../../otlp/fields.ts'
import { errorAnswer } from '../http/errors.ts'
import { askerOf, type RouteContext } from '../routes/context.ts'
import { loadTrace } from '../routes/load-trace.ts'
import { otlpJson, otlpProtobuf } from '../trace/otlp.ts'
import { metrics } from '../traceql/metrics.ts'
import { maxQueryLength, parse } from '../traceql/parse.ts'
import { Steps } from '../questions/steps.ts'
import { tempoInstant, tempoRange } from './metrics.ts'
import { searchTempo } from './search.ts'
import { scopes, tagNames, tagValues, type Scope } from './tags.ts'
import { parseStep, parseTempoWindow } from './times.ts'

/**
 * Tempo's HTTP API (its documentation, "Tempo HTTP API") under a prefix of its own, so that Grafana's Tempo data source, told
 * `<address>/tempo`, works unchanged. What other parameters a client sends is ignored, as there; errors are plain text.
 */
export function tempoRoutes(app: FastifyInstance, context: RouteContext): void {
  const handleError = app.errorHandler
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = errorAnswer(error)
    if (status >= 500) return handleError(error, request, reply)
    return reply.code(status).type('text/plain; charset=utf-8').send(body.error.message)
  })
  const text = (path: string, summary: string, answer: () => string): void => {
    app.get(path, { schema: { summary } }, (_, reply) => reply.type('text/plain; charset=utf-8').send(answer()))
  }
  text('/tempo/ready', 'Tempo: whether it can be asked', () => 'ready')
  text('/tempo/api/echo', 'Tempo: whether it can be asked', () => 'echo')
  // What clients decide by is which of Tempo's versions they speak with.
  app.get('/tempo/api/status/buildinfo', { schema: { summary: 'Tempo: the version that this speaks' } }, () => ({
    version: '2.9.0',
    revision: '',
    branch: '',
    buildDate: '',
    buildUser: '',
    goVersion: '',
  }))

  app.get<{ Querystring: Static<typeof searchQuery> }>(
    '/tempo/api/search',
    { schema: { summary: 'Tempo: search for traces', querystring: searchQuery } },
    (request) => {
      const { limit = 20, spss = 3, ...asked } = request.query
      return searchTempo(askerOf(context, request), parseTempoWindow(asked), { ...asked, limit, spss })
    },
  )
  tagRoutes(app, context)
  app.get<{ Querystring: Static<typeof rangeQuery> }>(
    '/tempo/api/metrics/query_range',
    { schema: { summary: 'Tempo: figures over time', querystring: rangeQuery } },
    async (request) => {
      const { q, step, exemplars } = request.query
      const steps = Steps.over(parseTempoWindow(request.query), step === undefined ? undefined : parseStep(step))
      return tempoRange(await metrics(askerOf(context, request), q, parse(q), steps, exemplars))
    },
  )
  app.get<{ Querystring: Static<typeof instantQuery> }>(
    '/tempo/api/metrics/query',
    { schema: { summary: 'Tempo: figures of a whole time range', querystring: instantQuery } },
    async (request) => {
      const { q } = request.query
      const steps = Steps.one(parseTempoWindow(request.query))
      return tempoInstant(await metrics(askerOf(context, request), q, parse(q), steps))
    },
  )
  for (const [path, wrapped] of [
    ['/tempo/api/traces/:traceId', false],
    ['/tempo/api/v2/traces/:traceId', true],
  ] as const) {
    app.get<{ Params: Static<typeof traceParams> }>(
      path,
      { schema: { summary: 'Tempo: one trace, as OTLP in protobuf or JSON', params: traceParams } },
      (request, reply) => sendTrace(context, request, reply, request.params.traceId, wrapped),
    )
  }
}

function tagRoutes(app: FastifyInstance, context: RouteContext): void {
  const names = async (request: FastifyRequest<{ Querystring: Static<typeof tagsQuery> }>) => {
    const { scope, limit = 1000 } = request.query
    const of: readonly Scope[] = scope === undefined || scope === 'all' || scope === 'none' ? scopes : [scope]
    return tagNames(askerOf(context, request), parseTempoWindow(request.query), of, limit)
  }
  app.get<{ Querystring: Static<typeof tagsQuery> }>(
    '/tempo/api/search/tags',
    { schema: { summary: 'Tempo: names of tags', querystring: tagsQuery } },
    async (request) => ({ tagNames: [...new Set((await names(request)).flatMap(({ tags }) => tags))], metrics: {} }),
  )
  app.get<{ Querystring: Static<typeof tagsQuery> }>(
    '/tempo/api/v2/search/tags',
    { schema: { summary: 'Tempo: names of tags by scope', querystring: tagsQuery } },
    async (request) => ({ scopes: await names(request), metrics: {} }),
  )
  type Values = { Querystring: Static<typeof valuesQuery>; Params: Static<typeof tagParams> }
  const values = (request: FastifyRequest<Values>, tag: string) => {
    const { q, limit = 1000 } = request.query
    return tagValues(askerOf(context, request), parseTempoWindow(request.query), tag, q, limit)
  }
  app.get<Values>(
    '/tempo/api/search/tag/:tag/values',
    { schema: { summary: 'Tempo: values of a tag', querystring: valuesQuery, params: tagParams } },
    async (request) => {
      const { tag } = request.params
      const field = bare.has(tag) ? tag : `.${tag}`
      return { tagValues: (await values(request, field)).map(({ text: value }) => value), metrics: {} }
    },
  )
  app.get<Values>(
    '/tempo/api/v2/search/tag/:tag/values',
    {
      schema: {
        summary: 'Tempo: values of a field of TraceQL, with their types',
        querystring: valuesQuery,
        params: tagParams,
      },
    },
    async (request) => {
      const found = await values(request, onceMore(request.params.tag))
      return {
        tagValues: found.map(({ type, text: value }) => ({ type: valueTypes[type], value })),
        metrics: {},
      }
    },
  )
}

/** Grafana encodes a tag twice, for the proxy between that may not be there. */
function onceMore(tag: string): string {
  try {
    return /%[0-9a-f]{2}/i.test(tag) ? decodeURIComponent(tag) : tag
  } catch {
    return tag
  }
}

/** Tags of the older API that are no attributes. */
const bare: ReadonlySet<string> = new Set(['name', 'status', 'kind', 'rootName', 'rootServiceName'])
const valueTypes = {
  string: 'string',
  int: 'int',
  double: 'float',
  bool: 'bool',
  duration: 'duration',
  status: 'keyword',
  kind: 'keyword',
  other: 'string',
} as const

async function sendTrace(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: string,
  wrapped: boolean,
): Promise<FastifyReply> {
  const traceId = asked.toLowerCase().padStart(32, '0')
  if (!/^[0-9a-f]{32}$/.test(traceId)) throw new AppError('BAD_INPUT', 'a trace id has up to 32 hex digits')
  const parts = await loadTrace(context, request, reply, traceId)
  if ((request.headers.accept ?? '').includes('application/protobuf')) {
    const pieces = otlpProtobuf(parts)
    return reply
      .type('application/protobuf')
      .send(Readable.from(wrapped ? inTrace(pieces) : pieces, { objectMode: false }))
  }
  const json = inObject(otlpJson(parts), wrapped)
  return reply.type('application/json; charset=utf-8').send(Readable.from(json, { objectMode: false }))
}

/** TraceByIDResponse.trace (its first field) in pieces: a message that comes in several is put together by who reads it. */
async function* inTrace(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    const out = new ByteWriter(piece.length + 8)
    writeByte(out, (1 << 3) | wireType.bytes)
    writeVarint(out, piece.length)
    writeBytes(out, piece)
    yield written(out)
  }
}

/** The older answer calls the resources' spans batches; the newer one holds the trace in an object. */
async function* inObject(pieces: AsyncIterable<string>, wrapped: boolean): AsyncGenerator<string> {
  let first = true
  for await (const piece of pieces) {
    if (!first) yield piece
    else yield wrapped ? `{"trace":${piece}` : piece.replace('"resourceSpans"', '"batches"')
    first = false
  }
  if (wrapped) yield '}'
}

const asText = (description: string, maxLength = 64) => Type.String({ description, maxLength })
const open = <T extends Record<string, TSchema>>(properties: T) => Type.Object(properties)
const times = {
  start: Type.Optional(asText('Seconds or nanoseconds since the Unix epoch, or RFC 3339.')),
  end: Type.Optional(asText('Seconds or nanoseconds since the Unix epoch, or RFC 3339.')),
}
const most = (description: string, maximum: number) => Type.Optional(Type.Integer({ description, minimum: 1, maximum }))
const traceql = (description: string) => asText(description, maxQueryLength)
const searchQuery = open({
  ...times,
  q: Type.Optional(traceql('TraceQL.')),
  tags: Type.Optional(asText('logfmt: key=value, in place of q.', maxQueryLength)),
  minDuration: Type.Optional(asText('Of the trace, beside tags.')),
  maxDuration: Type.Optional(asText('Of the trace, beside tags.')),
  limit: most('Traces, 20 by default.', 1000),
  spss: most('Spans of each spanset, 3 by default.', 100),
})
const tagsQuery = open({
  ...times,
  scope: Type.Optional(Type.Enum([...scopes, 'all', 'none'], { description: 'Only this scope.' })),
  limit: most('Names of each scope.', 10_000),
})
const valuesQuery = open({
  ...times,
  q: Type.Optional(traceql('Only values of spans that match.')),
  limit: most('Values.', 10_000),
})
const metricsQuery = {
  ...times,
  since: Type.Optional(asText('In place of start and end: so long up to now.')),
  q: traceql('A metrics query.'),
}
const rangeQuery = open({
  ...metricsQuery,
  step: Type.Optional(asText('A duration, or seconds.')),
  exemplars: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: 'Spans that stand out.' })),
})
const instantQuery = open(metricsQuery)
const traceParams = Type.Object({ traceId: asText('Up to 32 hex digits.') })
const tagParams = Type.Object({ tag: asText('A field of TraceQL, or the key of an attribute.', 4096) })
