/** What is observed: fastify with one route and three statements a request. Tells its port, and its heap when asked. */
import fastify from 'fastify'
import { Pool } from 'pg'

const pool = new Pool({
  host: '127.0.0.1',
  port: Number(process.env['DATABASE_PORT']),
  user: 'shop',
  database: 'shop',
  max: 64,
})
const app = fastify()
// A page as shops have them: the product, what others say of it, and where it is in stock.
app.get<{ Params: { id: string } }>('/products/:id', async (request) => {
  const { id } = request.params
  const product = await pool.query('SELECT id, name, price FROM products WHERE id = $1', [id])
  const [reviews, stock] = await Promise.all([
    pool.query('SELECT id, name, price FROM reviews WHERE product = $1 ORDER BY at DESC LIMIT 20', [id]),
    pool.query('SELECT id, name, price FROM stock WHERE product = $1', [id]),
  ])
  return { product: product.rows[0] as unknown, reviews: reviews.rows as unknown, stock: stock.rows.length }
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.on('message', () => {
  globalThis.gc?.()
  process.send?.({ heap: process.memoryUsage().heapUsed })
})
process.on('disconnect', () => process.exit())
process.send?.((app.server.address() as { port: number }).port)
