/** What somebody wants to buy. */
import fastify from 'fastify'
import { addressOf, database, getJson, serveHttp } from '../service.ts'

const store = database(
  'cart',
  'CREATE TABLE IF NOT EXISTS items (customer TEXT, product INTEGER, count INTEGER, cents INTEGER, PRIMARY KEY (customer, product))',
)
const add = store.prepare(
  'INSERT INTO items VALUES (?, ?, ?, ?) ON CONFLICT (customer, product) DO UPDATE SET count = count + excluded.count',
)
const of = store.prepare('SELECT product, count, cents FROM items WHERE customer = ?')
const clear = store.prepare('DELETE FROM items WHERE customer = ?')
const catalogue = addressOf('catalogue')

const app = fastify()
app.post<{ Params: { customer: string }; Body: { product: number; count: number } }>(
  '/carts/:customer/items',
  async ({ params, body }) => {
    const { cents } = await getJson<{ cents: number }>(`http://${catalogue}/products/${body.product}`)
    add.run(params.customer, body.product, body.count, cents)
    return { items: of.all(params.customer).length }
  },
)
app.get<{ Params: { customer: string } }>('/carts/:customer', ({ params }) => of.all(params.customer))
app.delete<{ Params: { customer: string } }>('/carts/:customer', ({ params }) => {
  clear.run(params.customer)
  return { items: 0 }
})
await serveHttp(app)
