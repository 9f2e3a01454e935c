import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'

/** Exactly this tag of the built page gets the base path. */
const baseTag = /<base href="\/"\s*\/?>/
const year = 365 * 24 * 3600

export interface UiFiles {
  readonly folder: string
  readonly basePath: string
  readonly log: Log
}

/**
 * Serves the built UI. Every path that is no file and not the API's is a view of the UI: a deep link gets the page, with
 * the base path in its `<base>`. Without a built page there is a clear answer instead, and the API still works.
 */
export async function uiRoutes(app: FastifyInstance, { folder, basePath, log }: UiFiles): Promise<void> {
  let page: string
  try {
    page = await readFile(join(folder, 'index.html'), 'utf8')
  } catch (err) {
    log.warn({ err, folder }, 'the UI is not built, only the API is served: npm run build --workspace ui')
    app.setNotFoundHandler(() => {
      throw new AppError('NOT_FOUND', 'not here; the UI is not built (npm run build --workspace ui)')
    })
    return
  }
  if (!baseTag.test(page)) throw new AppError('BUG', `BUG: ${folder}/index.html has no <base href="/">`)
  page = page.replace(baseTag, `<base href="${basePath}/" />`)
  const sendPage = (reply: FastifyReply): FastifyReply =>
    reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page)
  await app.register(fastifyStatic, {
    root: folder,
    index: false,
    wildcard: false,
    globIgnore: ['index.html', '**/*.gz'],
    // The build leaves a compressed file beside each script and style.
    preCompressed: true,
    // Names of built assets hold a hash of their content.
    setHeaders(reply, path) {
      const hashed = path.includes('/assets/')
      void reply.header('cache-control', hashed ? `public, max-age=${year}, immutable` : 'no-cache')
    },
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const isView = !/^\/(?:api|metrics|assets)(?:\/|$)/.test(path)
    if ((request.method === 'GET' || request.method === 'HEAD') && isView) return sendPage(reply)
    throw new AppError('NOT_FOUND', `there is no ${request.method} ${path.slice(0, 200)}`)
  })
}
