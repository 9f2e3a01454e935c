/** What the shop's pages and apps talk to. */
import { trace } from '@opentelemetry/api'
import fastify from 'fastify'
import { addressOf, database, getJson, serveHttp } from '../service.ts'

const sessions = database(
  'gateway',
  'CREATE TABLE IF NOT EXISTS sessions (customer TEXT PRIMARY KEY, customer_group TEXT, seen_at INTEGER)',
)
const touch = sessions.prepare(
  'INSERT INTO sessions VALUES (?, ?, ?) ON CONFLICT (customer) DO UPDATE SET seen_at = excluded.seen_at',
)
const catalogue = addressOf('catalogue')
const cart = addressOf('cart')
const checkout = addressOf('checkout')

const app = fastify()
app.addHook('onRequest', (request, _reply, done) => {
  const customer = String(request.headers['x-customer'] ?? 'anonymous')
  const group = String(request.headers['x-customer-group'] ?? 'retail')
  trace.getActiveSpan()?.setAttributes({ 'customer.id': customer, 'customer.group': group })
  touch.run(customer, group, Date.now())
  done()
})
app.get<{ Params: { category: string } }>('/categories/:category', ({ params }) =>
  getJson(`http://${catalogue}/products?category=${params.category}`),
)
app.get<{ Params: { id: string } }>('/products/:id', ({ params }) =>
  getJson(`http://${catalogue}/products/${params.id}`),
)
app.post<{ Params: { customer: string }; Body: { product: number; count: number } }>(
  '/carts/:customer/items',
  ({ params, body }) => getJson(`http://${cart}/carts/${params.customer}/items`, json(body)),
)
app.post<{ Params: { customer: string } }>('/carts/:customer/orders', ({ params, headers }) =>
  getJson(
    `http://${checkout}/orders`,
    json({ customer: params.customer, group: String(headers['x-customer-group'] ?? 'retail') }),
  ),
)
await serveHttp(app)

function json(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
