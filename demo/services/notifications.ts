/** Tells customers of their orders, when it comes to it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { consumer } from '../queue.ts'
import { addressOf, database, ready } from '../service.ts'

const store = database(
  'notifications',
  'CREATE TABLE IF NOT EXISTS sent (order_id TEXT, customer TEXT, sent_at INTEGER)',
)
const keep = store.prepare('INSERT INTO sent VALUES (?, ?, ?)')

const end = consumer(addressOf('queue'), 'orders', async ({ order, customer }: { order: string; customer: string }) => {
  await sleep(3 + Math.random() * 10)
  keep.run(order, customer, Date.now())
})
ready(0, end)
