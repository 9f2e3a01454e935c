/** What is in stock. */
import { serveGrpc } from '../grpc.ts'
import { database } from '../service.ts'

const store = database('inventory', 'CREATE TABLE IF NOT EXISTS stock (product INTEGER PRIMARY KEY, count INTEGER)')
store.exec('BEGIN')
const fill = store.prepare('INSERT OR REPLACE INTO stock VALUES (?, ?)')
for (let product = 1; product <= 200; product++) fill.run(product, 1_000_000)
store.exec('COMMIT')
const take = store.prepare('UPDATE stock SET count = count - ? WHERE product = ? AND count >= ?')
const count = store.prepare('SELECT count FROM stock WHERE product = ?')

await serveGrpc('Inventory', {
  Reserve: ({ items }: { items: { product: number; count: number }[] }) => ({
    missing: items
      .filter((item) => take.run(item.count, item.product, item.count).changes === 0)
      .map((item) => item.product),
  }),
  Count: ({ product }: { product: number }) => ({ count: Number(count.get(product)?.['count'] ?? 0) }),
})
