/** From a cart to an order: everything is asked, and at the end somebody is told. */
import { randomUUID } from 'node:crypto'
import { trace } from '@opentelemetry/api'
import fastify from 'fastify'
import { grpcClient } from '../grpc.ts'
import { producer } from '../queue.ts'
import { addressOf, database, getJson, serveHttp } from '../service.ts'

const store = database(
  'checkout',
  'CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT, cents INTEGER, receipt TEXT)',
)
const keep = store.prepare('INSERT INTO orders VALUES (?, ?, ?, ?)')
const cart = addressOf('cart')
const inventory = grpcClient('Inventory', addressOf('inventory'))
const shipping = grpcClient('Shipping', addressOf('shipping'))
// Two versions of payment run at the time, and each gets every other charge.
const payments = addressOf('payment')
  .split(',')
  .map((address) => grpcClient('Payment', address))
const notify = producer(addressOf('queue'), 'orders')
let charges = 0

interface Item {
  readonly product: number
  readonly count: number
  readonly cents: number
}

const app = fastify()
app.post<{ Body: { customer: string; group: string } }>('/orders', async ({ body }, reply) => {
  const { customer, group } = body
  trace.getActiveSpan()?.setAttribute('customer.group', group)
  const items = await getJson<Item[]>(`http://${cart}/carts/${customer}`)
  if (items.length === 0) return reply.code(409).send({ error: 'nothing in the cart' })
  const id = randomUUID()
  const grams = items.reduce((sum, { count }) => sum + count * 1_500, 0)
  const [{ missing }, quote] = await Promise.all([
    inventory<{ missing?: number[] }>('Reserve', {
      id,
      items: items.map(({ product, count }) => ({ product, count })),
    }),
    shipping<{ cents: number }>('Quote', { order: id, customerGroup: group, grams }),
  ])
  if ((missing ?? []).length > 0) return reply.code(409).send({ error: 'not in stock' })
  const cents = items.reduce((sum, item) => sum + item.count * item.cents, quote.cents)
  const pay = payments[charges++ % payments.length]
  if (pay === undefined) throw new Error('there is no payment')
  const { receipt } = await pay<{ receipt: string }>('Charge', { order: id, cents })
  keep.run(id, customer, cents, receipt)
  await notify({ order: id, customer, cents })
  await getJson(`http://${cart}/carts/${customer}`, { method: 'DELETE' })
  return { id, cents }
})
await serveHttp(app)
