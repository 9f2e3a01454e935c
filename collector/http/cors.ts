import type { FastifyReply, FastifyRequest } from 'fastify'

// Any port: pages in development are served from wherever.
const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/
// Header names (RFC 9110 tokens) as a preflight lists them.
const headerList = /^[!#$%&'*+.^_`|~0-9a-z-]+(, ?[!#$%&'*+.^_`|~0-9a-z-]+)*$/i
const maxHeaderList = 1_024
const usualHeaders = 'content-type, content-encoding, authorization, x-api-key, traceparent, tracestate, baggage'
// Without it a page's exporter is not shown when to try again, and comes back in its own time.
const exposedHeaders = 'retry-after'
// Two hours: the most that Chromium keeps.
const maxAgeSeconds = '7200'

/** Which browser pages may send: those of localhost, and those listed. Others get no header, so their browser refuses. */
export class Cors {
  readonly #allowed: ReadonlySet<string>

  constructor(allowedOrigins: readonly string[]) {
    this.#allowed = new Set(allowedOrigins)
  }

  /** Marks an answer as readable by the page that asked. */
  mark(request: FastifyRequest, reply: FastifyReply): boolean {
    const origin = request.headers.origin
    if (origin === undefined) return false
    if (localOrigin.test(origin) || (this.#allowed.has(origin) && origin !== '*')) {
      // sendBeacon always sends with credentials, so its pages need this; nothing here reads a cookie.
      void reply
        .header('access-control-allow-origin', origin)
        .header('access-control-allow-credentials', 'true')
        .header('access-control-expose-headers', exposedHeaders)
        .header('vary', 'Origin')
      return true
    }
    if (this.#allowed.has('*')) {
      void reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', exposedHeaders)
      return true
    }
    void reply.header('vary', 'Origin')
    return false
  }

  /** Answers OPTIONS: 204 in any case, with permission or without. */
  preflight(request: FastifyRequest, reply: FastifyReply): void {
    if (this.mark(request, reply)) {
      // An exporter's headers are its user's choice (API keys have any name), so what is asked for is allowed.
      const asked = request.headers['access-control-request-headers']
      const headers =
        asked !== undefined && asked.length <= maxHeaderList && headerList.test(asked) ? asked : usualHeaders
      void reply
        .header('access-control-allow-methods', 'POST')
        .header('access-control-allow-headers', headers)
        .header('access-control-max-age', maxAgeSeconds)
      if (request.headers['access-control-request-private-network'] === 'true') {
        void reply.header('access-control-allow-private-network', 'true')
      }
    }
    void reply.code(204).send()
  }
}
