// Servers of each framework, whose handlers throw what the request asks for. Nothing here speaks of tracing.
const { Readable } = require('node:stream')

class Wrong extends Error {
  constructor(message, status) {
    super(message)
    this.name = 'Wrong'
    this.status = status
  }
}

module.exports = async function main({ express, Koa, Router, nest }) {
  const ask = async (port, path) => {
    try {
      // koa leaves an answer open whose body failed.
      const signal = path.endsWith('broken') ? AbortSignal.timeout(500) : undefined
      await (await fetch(`http://127.0.0.1:${port}${path}`, { signal })).text()
    } catch {
      // Broken off, as was asked for.
    }
  }
  const listen = (app) =>
    new Promise((resolve) => (app = app.listen(0, '127.0.0.1', () => resolve(app.address().port))))

  const web = express()
  const below = express.Router()
  web.use((request, response, next) => next())
  web.get('/express/fine', (request, response) => response.send('fine'))
  web.get('/express/throws', () => {
    throw new Wrong('thrown')
  })
  web.get('/express/passes', (request, response, next) => setImmediate(() => next(new Wrong('passed on'))))
  web.get('/express/words', (request, response, next) => next('only words'))
  web.get('/express/missing', (request, response, next) => next(new Wrong('not there', 404)))
  web.get('/express/handled', () => {
    throw new Wrong('to be handled', 409)
  })
  web.get('/express/answered', () => {
    throw new Wrong('answered by the program', 503)
  })
  web.get('/express/broken', (request, response, next) => {
    response.write('begun')
    setTimeout(() => next(new Wrong('too late')), 20)
  })
  web.get('/express/plain', (request, response) => response.status(500).end())
  below.get('/throws', () => {
    throw new Wrong('thrown below')
  })
  web.use('/express/below', below)
  web.use((error, request, response, next) =>
    error.status === 409 || error.status === 503 ? response.status(error.status).send('handled') : next(error),
  )

  // Nobody comes after the handler.
  const bare = express()
  bare.get('/bare/throws', () => {
    throw new Wrong('thrown with nobody behind')
  })

  const koa = new Koa()
  const router = new Router()
  koa.use(async (context, next) => {
    try {
      await next()
    } catch (error) {
      if (error.status !== 409 && error.status !== 503) throw error
      context.status = error.status
      context.body = 'handled'
    }
  })
  router.get('/koa/fine', (context) => (context.body = 'fine'))
  router.get('/koa/throws', () => {
    throw new Wrong('thrown')
  })
  router.get('/koa/missing', (context) => context.throw(404, 'not there'))
  router.get('/koa/handled', async () => {
    throw new Wrong('to be handled', 409)
  })
  router.get('/koa/answered', async () => {
    throw new Wrong('answered by the program', 503)
  })
  router.get('/koa/broken', (context) => {
    context.body = Readable.from(
      (async function* () {
        yield 'begun'
        await new Promise((resolve) => setTimeout(resolve, 20))
        throw new Wrong('too late')
      })(),
    )
  })
  koa.use(router.routes())

  const { Catch, Controller, Get, HttpException, Module, NestFactory, UseFilters } = nest
  class LampController {
    fine() {
      return 'fine'
    }
    throws() {
      throw new Wrong('thrown')
    }
    async missing() {
      throw new HttpException('not there', 404)
    }
    answered() {
      throw new Wrong('answered by the program', 503)
    }
  }
  class Filter {
    catch(error, host) {
      const response = host.switchToHttp().getResponse()
      response.status(503).send('answered')
    }
  }
  Catch()(Filter)
  const decorate = (name, ...decorators) => {
    const descriptor = Object.getOwnPropertyDescriptor(LampController.prototype, name)
    for (const decorator of decorators) decorator(LampController.prototype, name, descriptor)
  }
  for (const name of ['fine', 'throws', 'missing']) decorate(name, Get(name))
  decorate('answered', Get('answered'), UseFilters(new Filter()))
  Controller('nest')(LampController)
  class LampModule {
    lamps = []
  }
  Module({ controllers: [LampController] })(LampModule)

  const asked = async (port, names, framework) => {
    for (const name of names) await ask(port, `/${framework}/${name}`)
  }
  const handled = ['fine', 'throws', 'missing', 'handled', 'answered', 'broken']
  await asked(await listen(web), [...handled, 'passes', 'words', 'plain', 'below/throws'], 'express')
  await asked(await listen(bare), ['throws'], 'bare')
  await asked(await listen(koa), handled, 'koa')
  for (const adapter of [undefined, new nest.FastifyAdapter()]) {
    const app = await NestFactory.create(LampModule, ...(adapter === undefined ? [] : [adapter]), { logger: false })
    await app.listen(0, '127.0.0.1')
    await asked(app.getHttpServer().address().port, ['fine', 'throws', 'missing', 'answered'], 'nest')
  }
  process.exit(0)
}
