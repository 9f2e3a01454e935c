/** Takes the money, through a provider. From 2.4.0 on by the provider's new interface. */
import { serveGrpc } from '../grpc.ts'
import { ask } from '../outside.ts'
import { database } from '../service.ts'

const version = process.env['SHOP_VERSION'] ?? '2.3.1'
const store = database('payment', 'CREATE TABLE IF NOT EXISTS charges (order_id TEXT, cents INTEGER, receipt TEXT)')
const keep = store.prepare('INSERT INTO charges VALUES (?, ?, ?)')

await serveGrpc('Payment', {
  Charge: async ({ order, cents }: { order: string; cents: number }) => {
    const path = version.startsWith('2.3') ? '/v1/charges' : '/v2/charges'
    const { receipt } = await ask<{ receipt: string }>('api.acme-pay.example', path, 'POST')
    keep.run(order, cents, receipt)
    return { receipt }
  },
})
