import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { nowNanos } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { maxFileBytes, readTraceFile, type TraceFile } from '../file/read-file.ts'
import { collectGarbage } from '../http/garbage.ts'
import { holdPlace } from '../http/slots.ts'
import { proxiesOf } from '../questions/trace-proxies.ts'
import { answerJson } from '../trace/answer.ts'
import { type Asked, rebuild } from '../trace/rebuild.ts'
import type { RouteContext } from './context.ts'
import { traceQuery } from './schemas.ts'

/** Beyond it a file's traces are not put together: one looks at a few. */
const mostTraces = 200
const smallBytes = 2 * 1024 * 1024

/** `POST /api/file`: traces from a file, put together like those of the store, which they never touch. */
export function fileRoutes(app: FastifyInstance, context: RouteContext): void {
  app.removeAllContentTypeParsers()
  // Pages of other origins cannot send this type without being asked first, and they are not answered.
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: maxFileBytes }, (_, body, done) =>
    done(null, body),
  )
  app.post<{ Body: Buffer; Querystring: Static<typeof traceQuery> }>(
    '/api/file',
    {
      bodyLimit: maxFileBytes,
      schema: {
        summary: 'Traces from a file, OTLP/JSON or Jaeger’s: put together, not stored',
        querystring: traceQuery,
      },
    },
    async (request, reply) => {
      const { body } = request
      if (!Buffer.isBuffer(body)) throw new AppError('BAD_INPUT', 'the file is to be the body, as application/json')
      const isSmall = body.length < smallBytes
      await holdPlace(isSmall ? context.slots.whole : context.slots.large, request, reply)
      if (!isSmall) await collectGarbage()
      const file = await readTraceFile(body)
      return reply
        .type('application/json; charset=utf-8')
        .send(Readable.from(fileJson(file, { proxies: 'folded', ...request.query }), { objectMode: false }))
    },
  )
}

/** The text of a `FileAnswer`, in pieces. */
async function* fileJson(file: TraceFile, asked: Asked): AsyncGenerator<string> {
  const { traces, resources, scopes, rejected } = file
  yield `{"rejectedSpans":${rejected},"more":${traces.length > mostTraces},"traces":[\n`
  for (const [index, { traceId, rows, details }] of traces.slice(0, mostTraces).entries()) {
    if (index > 0) yield ',\n'
    const used = new Set(rows.map(({ resourceId }) => resourceId))
    const own = new Map([...resources].filter(([id]) => used.has(id)))
    const rebuilt = rebuild(traceId, rows, nowNanos(), asked, proxiesOf(rows, scopes, details))
    yield* answerJson({ rebuilt, resources: own, scopes, details: [details] })
  }
  yield ']}\n'
}
