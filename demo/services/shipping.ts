/** What it costs to send a parcel, and how long it takes. Resellers get theirs on pallets. */
import { trace } from '@opentelemetry/api'
import { serveGrpc } from '../grpc.ts'
import { ask } from '../outside.ts'
import { database } from '../service.ts'

const store = database('shipping', 'CREATE TABLE IF NOT EXISTS quotes (order_id TEXT, cents INTEGER, days INTEGER)')
const keep = store.prepare('INSERT INTO quotes VALUES (?, ?, ?)')

await serveGrpc('Shipping', {
  Quote: async ({ order, customerGroup, grams }: { order: string; customerGroup: string; grams: number }) => {
    trace.getActiveSpan()?.setAttributes({ 'customer.group': customerGroup, 'parcel.grams': grams })
    const path = customerGroup === 'reseller' ? '/freight' : '/parcels'
    const quote = await ask<{ cents: number; days: number }>('rates.parcel-carrier.example', `${path}?grams=${grams}`)
    keep.run(order, quote.cents, quote.days)
    return quote
  },
})
