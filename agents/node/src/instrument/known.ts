import { createRequire } from 'node:module'
import { diag } from '@opentelemetry/api'
import type { Instrumentation, InstrumentationNodeModuleDefinition } from '@opentelemetry/instrumentation'
import type { ExpressLayerType } from '@opentelemetry/instrumentation-express'
import type { KoaLayerType } from '@opentelemetry/instrumentation-koa'
import { redisWithoutValues, withoutValuesInMysql } from '../redact.ts'
import { destinationOfConsumed, destinationOfPublished } from './amqp.ts'
import { tellErrorsOfExpress, tellErrorsOfKoa } from './errors.ts'
import { onceEachCommand } from './ioredis.ts'
import { collectionOfCursor } from './mongodb.ts'
import { nestFiles, nestInstrumentation } from './nest.ts'
import { tellError } from './request-error.ts'

/** An instrumentation of the contrib project, loaded when the program first asks for what it instruments. */
export interface Known {
  /** As in `OTEL_NODE_DISABLED_INSTRUMENTATIONS`. */
  readonly name: string
  /** The packages that it patches, as they are imported. */
  readonly packages: readonly string[]
  /** Files within them that are patched, where they are ES modules. */
  readonly files?: RegExp
  load(): Instrumentation
}

const require = createRequire(import.meta.url)

// `require`, and not `import()`: it happens in the middle of the program's own import, which must not wait.
function known(
  name: string,
  packages: readonly string[],
  type: string,
  config?: object,
  also?: (exports: unknown) => void,
): Known {
  const load = (): Instrumentation => {
    const loaded = require(`@opentelemetry/instrumentation-${name}`) as Record<string, Type>
    const Type = loaded[type]
    if (Type === undefined) throw new Error(`@opentelemetry/instrumentation-${name} has no ${type}`)
    return also === undefined ? new Type(config) : new (patchingAlso(Type, also))(config)
  }
  return { name, packages, load }
}

type Type = new (config?: object) => Instrumentation & {
  init(): InstrumentationNodeModuleDefinition | InstrumentationNodeModuleDefinition[]
}

/** The same instrumentation, which hands the module over once it has patched it. */
function patchingAlso(Type: Type, also: (exports: unknown) => void): Type {
  return class extends Type {
    override init(): InstrumentationNodeModuleDefinition[] {
      const definitions = [super.init()].flat()
      for (const definition of definitions) {
        const { patch } = definition
        definition.patch = (exports: unknown, version?: string): unknown => {
          const patched: unknown = patch?.(exports, version) ?? exports
          // The namespace of an ES module, or what CommonJS exports.
          try {
            also((exports as { default?: unknown }).default ?? exports)
          } catch (error) {
            // A version that is made otherwise: the program runs without it.
            diag.warn(`${this.instrumentationName} is not complete: ${String(error)}`)
          }
          return patched
        }
      }
      return definitions
    }
  }
}

/**
 * Those of the program's packages. What is said to each: no spans that only repeat the one above (a middleware, a
 * connection taken from a pool), no values of statements.
 */
export const knownInstrumentations: readonly Known[] = [
  known(
    'express',
    ['express'],
    'ExpressInstrumentation',
    { ignoreLayersType: ['middleware', 'router', 'request_handler'] satisfies `${ExpressLayerType}`[] },
    tellErrorsOfExpress,
  ),
  // The span of its router is what tells the route.
  known(
    'koa',
    ['koa'],
    'KoaInstrumentation',
    { ignoreLayersType: ['middleware'] satisfies `${KoaLayerType}`[] },
    tellErrorsOfKoa,
  ),
  { name: 'nestjs-core', packages: ['@nestjs/core'], files: nestFiles, load: nestInstrumentation },
  known('graphql', ['graphql'], 'GraphQLInstrumentation', { ignoreTrivialResolveSpans: true, mergeItems: true }),
  known('grpc', ['@grpc/grpc-js'], 'GrpcInstrumentation'),
  known('pg', ['pg', 'pg-pool'], 'PgInstrumentation', { ignoreConnectSpans: true }),
  known('mysql2', ['mysql2'], 'MySQL2Instrumentation', {
    maskStatement: true,
    maskStatementHook: withoutValuesInMysql,
  }),
  known('mongodb', ['mongodb'], 'MongoDBInstrumentation', { responseHook: collectionOfCursor }),
  known('redis', ['redis', '@redis/client', '@node-redis/client'], 'RedisInstrumentation', {
    dbStatementSerializer: redisWithoutValues,
  }),
  known(
    'ioredis',
    ['ioredis'],
    'IORedisInstrumentation',
    { dbStatementSerializer: redisWithoutValues },
    onceEachCommand,
  ),
  known('kafkajs', ['kafkajs'], 'KafkaJsInstrumentation'),
  known('amqplib', ['amqplib'], 'AmqplibInstrumentation', {
    publishHook: destinationOfPublished,
    consumeHook: destinationOfConsumed,
  }),
  // Ids into the lines, but no lines sent: where they go is the program's own business.
  known('pino', ['pino'], 'PinoInstrumentation', { disableLogSending: true }),
  known('winston', ['winston'], 'WinstonInstrumentation', { disableLogSending: true }),
]

/** Those of Node itself, there from the start. */
export const ownInstrumentations: readonly Known[] = [
  known('http', ['http', 'https'], 'HttpInstrumentation', { applyCustomAttributesOnSpan: tellError }),
  known('undici', [], 'UndiciInstrumentation'),
]

/** With a meter: how the process is. */
export const runtimeInstrumentation: Known = known('runtime-node', [], 'RuntimeNodeInstrumentation')
