import { subscribe } from 'node:diagnostics_channel'
import { context } from '@opentelemetry/api'
import { getRPCMetadata } from '@opentelemetry/core'
import { requestThrew } from './request-error.ts'

interface Handled {
  readonly request: { readonly raw: unknown }
  readonly route?: { readonly url?: string }
  readonly error?: unknown
}

/**
 * fastify (4.27 and newer, https://fastify.dev/docs/latest/Reference/Hooks/#diagnostics-channel-hooks) tells itself what
 * a trace wants to know: the route of the request, and the error that a handler ended with. So the span of the request
 * gets both, and there are no others: hooks and handlers are the program's own time.
 */
export function instrumentFastify(): void {
  subscribe('tracing:fastify.request.handler:start', (message) => {
    const { route } = message as Handled
    const metadata = getRPCMetadata(context.active())
    if (metadata !== undefined && route?.url !== undefined) metadata.route = route.url
  })
  subscribe('tracing:fastify.request.handler:error', (message) => {
    const { request, error } = message as Handled
    requestThrew(request.raw, error)
  })
}
