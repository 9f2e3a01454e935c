/** What there is to buy. */
import fastify from 'fastify'
import { database, serveHttp } from '../service.ts'

const store = database(
  'catalogue',
  `CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, category TEXT, name TEXT, cents INTEGER);
   CREATE INDEX IF NOT EXISTS by_category ON products (category);
   CREATE TABLE IF NOT EXISTS ratings (product INTEGER, stars INTEGER);
   CREATE INDEX IF NOT EXISTS by_product ON ratings (product)`,
)
const categories = ['lamps', 'chairs', 'tables', 'shelves', 'rugs']
store.exec('BEGIN')
const addProduct = store.prepare('INSERT INTO products VALUES (?, ?, ?, ?)')
const addRating = store.prepare('INSERT INTO ratings VALUES (?, ?)')
for (let id = 1; id <= 200; id++) {
  const category = categories[id % categories.length] ?? 'lamps'
  addProduct.run(id, category, `${category.slice(0, -1)} no. ${id}`, 900 + ((id * 7919) % 40_000))
  for (let i = 0; i < 12; i++) addRating.run(id, 1 + ((id * 31 + i * 17) % 5))
}
store.exec('COMMIT')

const byCategory = store.prepare(
  'SELECT id, category, name, cents FROM products WHERE category = ? ORDER BY id LIMIT 40',
)
const byId = store.prepare('SELECT id, category, name, cents FROM products WHERE id = ?')
const rating = store.prepare('SELECT avg(stars) AS stars, count(*) AS count FROM ratings WHERE product = ?')
const names = store.prepare('SELECT id, name, cents FROM products ORDER BY id LIMIT 20')

const app = fastify()
app.get<{ Querystring: { category?: string } }>('/products', ({ query }) => {
  if (query.category === undefined) return names.all()
  // One statement for the list, and one more for each of its products.
  return byCategory.all(query.category).map((product) => ({ ...product, ...rating.get(product['id'] as number) }))
})
app.get<{ Params: { id: string } }>('/products/:id', ({ params }, reply) => {
  const product = byId.get(Number(params.id))
  if (product === undefined) return reply.code(404).send({ error: 'no such product' })
  return { ...product, ...rating.get(Number(params.id)) }
})
await serveHttp(app)
