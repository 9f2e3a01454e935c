import type { FastifyInstance } from 'fastify'

const others = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Answers 405 with `Allow` to other methods than GET and HEAD at these paths, before any body is read. */
export function onlyGet(app: FastifyInstance, paths: Iterable<string>): void {
  for (const url of paths) {
    app.route({
      method: others,
      url,
      schema: { hide: true },
      onRequest: async (request, reply) => {
        const message = `${request.method} is not taken here, only GET`
        await reply
          .code(405)
          .header('allow', 'GET, HEAD')
          .send({ error: { code: 'BAD_INPUT', message } })
      },
      handler: () => Promise.reject(new Error('BUG: refused before')),
    })
  }
}
