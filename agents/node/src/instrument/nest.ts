import { createRequire } from 'node:module'
import { context } from '@opentelemetry/api'
import { getRPCMetadata } from '@opentelemetry/core'
import type * as Instrumentations from '@opentelemetry/instrumentation'
import { requestThrew } from './request-error.ts'

type Method = (this: unknown, ...parameters: unknown[]) => unknown

interface Handled {
  getType(): string
  getArgByIndex(index: number): { readonly raw?: unknown } | undefined
}

const require = createRequire(import.meta.url)

/** The files of nest that are patched, in which ES modules have to be made patchable by themselves. */
export const nestFiles = /\/@nestjs\/core\/(?:exceptions\/exceptions-handler|router\/router-execution-context)\.js$/

/**
 * nest 4 and newer, on express or on fastify, which tell the route: the request's span gets the controller's method
 * that served it, and the exception that reached nest's own handler or a filter of the program. There are no other spans:
 * guards, pipes and handlers are the program's own time.
 */
export function nestInstrumentation(): Instrumentations.Instrumentation {
  const { InstrumentationBase, InstrumentationNodeModuleDefinition, InstrumentationNodeModuleFile } =
    require('@opentelemetry/instrumentation') as typeof Instrumentations
  const file = <Exports>(path: string, patch: (exports: Exports) => void) =>
    new InstrumentationNodeModuleFile(
      `@nestjs/core/${path}`,
      ['>=4.0.0'],
      (exports: Exports) => {
        patch(exports)
        return exports
      },
      () => {},
    )
  class NestInstrumentation extends InstrumentationBase {
    protected init() {
      return new InstrumentationNodeModuleDefinition('@nestjs/core', ['>=4.0.0'], undefined, undefined, [
        file('exceptions/exceptions-handler.js', tellExceptions),
        file('router/router-execution-context.js', tellControllers),
      ])
    }
  }
  return new NestInstrumentation('@weft/node/nest', '', {})
}

function tellExceptions(exports: { readonly ExceptionsHandler: { readonly prototype: Record<'next', Method> } }): void {
  const { prototype } = exports.ExceptionsHandler
  const { next } = prototype
  prototype.next = function (this: unknown, exception, host, ...more) {
    const handled = host as Handled
    if (handled.getType() === 'http') {
      const request = handled.getArgByIndex(0)
      // fastify's request has Node's own within.
      requestThrew(request?.raw ?? request, exception)
    }
    return next.call(this, exception, host, ...more)
  }
}

function tellControllers(exports: {
  readonly RouterExecutionContext: { readonly prototype: Record<'create', Method> }
}): void {
  const { prototype } = exports.RouterExecutionContext
  const { create } = prototype
  prototype.create = function (this: unknown, instance, callback, ...more) {
    const handler = create.call(this, instance, callback, ...more) as Method
    const name = `${(instance as object).constructor.name}.${(callback as { name: string }).name}`
    return function (this: unknown, ...parameters: unknown[]): unknown {
      getRPCMetadata(context.active())?.span.setAttribute('code.function.name', name)
      return handler.apply(this, parameters)
    }
  }
}
