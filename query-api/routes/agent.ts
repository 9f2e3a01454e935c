import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../base/errors.ts'

/**
 * `GET /agents/node.tgz`: the packed agent for Node.js, so that `npm install <this server>/agents/node.tgz` is all that a
 * program needs. `folder` holds the one package that was built.
 */
export function agentRoutes(app: FastifyInstance, folder: string): void {
  app.get('/agents/node.tgz', { schema: { hide: true } }, async (_request, reply) => {
    const files = await readdir(folder).catch(() => [])
    const name = files.find((file) => file.endsWith('.tgz'))
    if (name === undefined) {
      throw new AppError('NOT_FOUND', 'the agent is not built here: npm run build --workspace agents/node')
    }
    return reply
      .type('application/gzip')
      .header('cache-control', 'no-cache')
      .header('content-disposition', `attachment; filename="${name}"`)
      .send(await readFile(join(folder, name)))
  })
}
