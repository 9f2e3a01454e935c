import { basename } from 'node:path'
import { context, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'

type Method = (this: object, ...parameters: unknown[]) => unknown

interface Sqlite {
  readonly DatabaseSync: { readonly prototype: object }
  readonly StatementSync: { readonly prototype: object }
}

interface Statement {
  readonly text: string
  readonly database: string
}

/**
 * node:sqlite: a CLIENT span for each statement that is run within a trace
 * (https://opentelemetry.io/docs/specs/semconv/database/database-spans/). Statements on their own make none: at start-up
 * they are many, and nobody's request.
 */
export function instrumentSqlite(sqlite: Sqlite, tracer: Tracer): void {
  // Of a statement only its text can be asked, not its database.
  const statements = new WeakMap<object, Statement>()
  const databaseOf = (database: object): string => {
    const location = (database as { location?: () => string | null }).location
    const path = typeof location === 'function' ? location.call(database) : null
    return path === null ? ':memory:' : basename(path)
  }

  const run = (statement: Statement, call: () => unknown): unknown => {
    const active = context.active()
    if (trace.getSpan(active) === undefined || isTracingSuppressed(active)) return call()
    const span = spanOf(statement, tracer)
    try {
      return call()
    } catch (error) {
      if (error instanceof Error) {
        span.recordException(error)
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      }
      throw error
    } finally {
      span.end()
    }
  }

  replace(sqlite.DatabaseSync.prototype, 'exec', (exec) => {
    return function (this: object, ...parameters) {
      return run({ text: String(parameters[0]), database: databaseOf(this) }, () => exec.apply(this, parameters))
    }
  })
  replace(sqlite.DatabaseSync.prototype, 'prepare', (prepare) => {
    return function (this: object, ...parameters) {
      const prepared = prepare.apply(this, parameters) as object
      statements.set(prepared, { text: String(parameters[0]), database: databaseOf(this) })
      return prepared
    }
  })
  for (const name of ['all', 'get', 'run', 'iterate']) {
    replace(sqlite.StatementSync.prototype, name, (method) => {
      return function (this: object, ...parameters) {
        const statement = statements.get(this)
        if (statement === undefined) return method.apply(this, parameters)
        return run(statement, () => method.apply(this, parameters))
      }
    })
  }
}

function spanOf({ text, database }: Statement, tracer: Tracer): Span {
  const operation = /^\s*([a-z]+)/i.exec(text)?.[1]?.toUpperCase()
  const table = /\b(?:from|into|update|table(?:\s+if(?:\s+not)?\s+exists)?)\s+["`[]?([\w.]+)/i.exec(text)?.[1]
  const name = [operation ?? 'SQL', table ?? database].join(' ')
  return tracer.startSpan(name, {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'sqlite',
      'db.namespace': database,
      'db.query.text': text,
      ...(operation === undefined ? {} : { 'db.operation.name': operation }),
      ...(table === undefined ? {} : { 'db.collection.name': table }),
    },
  })
}

function replace(prototype: object, name: string, by: (original: Method) => Method): void {
  const methods = prototype as Record<string, Method | undefined>
  const original = methods[name]
  if (typeof original === 'function') methods[name] = by(original)
}
