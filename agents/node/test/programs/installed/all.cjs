// One request through every library that the agent knows and that needs no server of its own; `main` gets them, loaded
// either way. Nothing here speaks of tracing.
const { createServer } = require('node:http')

module.exports = async function main({ express, Koa, Router, fastify, graphql, grpc, Redis, Pool, pino, winston }) {
  const log = winston.createLogger({ transports: [new winston.transports.Console()] })
  const lines = pino()
  const listen = (app) => new Promise((resolve) => (app = app.listen(0, '127.0.0.1', () => resolve(app))))
  const ask = async (server, path) => (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).text()

  const pool = new Pool({ host: '127.0.0.1', port: Number(process.env.DATABASE_PORT), user: 'u', database: 'shop' })
  const redis = new Redis({
    host: '127.0.0.1',
    port: Number(process.env.REDIS_PORT),
    enableReadyCheck: false,
    disableClientInfo: true,
  })
  const schema = graphql.buildSchema('type Query { lamp: String }')
  const rpc = new grpc.Server()
  const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() }
  const ship = {
    path: '/shop.Shipping/Ship',
    requestStream: false,
    responseStream: false,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  }
  rpc.addService({ ship }, { ship: (call, callback) => callback(null, 'shipped') })
  const port = await new Promise((resolve, reject) =>
    rpc.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  )
  const Shipping = grpc.makeGenericClientConstructor({ ship }, 'Shipping')
  const shipping = new Shipping(`127.0.0.1:${port}`, grpc.credentials.createInsecure())

  const backend = createServer((request, response) => response.end('plain'))
  await new Promise((resolve) => backend.listen(0, '127.0.0.1', resolve))

  const web = express()
  web.use((request, response, next) => next())
  web.get('/express/:id', async (request, response) => {
    log.info('in express')
    lines.info('in express')
    await pool.query("SELECT * FROM lamps WHERE colour = 'red' AND id = $1", [request.params.id])
    await redis.set('lamp', 'secret')
    await graphql.graphql({ schema, source: '{ lamp }', rootValue: { lamp: () => 'red' } })
    await new Promise((resolve, reject) =>
      shipping.ship('7', (error, answer) => (error ? reject(error) : resolve(answer))),
    )
    response.send(await ask(backend, '/plain'))
  })
  const koa = new Koa()
  const router = new Router()
  router.get('/koa/:id', (context) => (context.body = 'koa'))
  koa.use(router.routes())
  const fast = fastify()
  fast.get('/fastify/:id', () => 'fastify')
  await fast.listen({ host: '127.0.0.1', port: 0 })

  const servers = [await listen(web), await listen(koa)]
  await ask(servers[0], '/express/1')
  await ask(servers[1], '/koa/1')
  await ask(fast.server, '/fastify/1')
  process.exit(0)
}
