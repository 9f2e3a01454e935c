/** Customers: each looks around, some put something into their carts, some of these buy. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const agent = new Agent({ keepAlive: true, maxSockets: 50 })
const categories = ['lamps', 'chairs', 'tables', 'shelves', 'rugs']
const pick = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)] as T
const groupOf = (customer: number): string =>
  customer % 10 === 0 ? 'reseller' : customer % 4 === 0 ? 'member' : 'retail'

/** Requests a second of how many customers, until the signal is aborted. */
export async function makeTraffic(gateway: string, visitsPerSecond: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const customer = Math.floor(Math.random() * 400)
    void visit(gateway, customer).catch(() => {})
    // Arrivals as they are: no rhythm.
    await sleep((-Math.log(1 - Math.random()) * 1_000) / visitsPerSecond, undefined, { signal }).catch(() => {})
  }
}

async function visit(gateway: string, customer: number): Promise<void> {
  const name = `customer-${customer}`
  const headers = { 'x-customer': name, 'x-customer-group': groupOf(customer) }
  const call = (method: string, path: string, body?: object): Promise<void> => ask(gateway, method, path, headers, body)
  await call('GET', `/categories/${pick(categories)}`)
  // Some follow an old link.
  await call('GET', `/products/${1 + Math.floor(Math.random() * 203)}`)
  if (Math.random() < 0.4) return
  const count = groupOf(customer) === 'reseller' ? 40 : 1
  await call('POST', `/carts/${name}/items`, { product: 1 + Math.floor(Math.random() * 200), count })
  if (Math.random() < 0.3) return
  await call('POST', `/carts/${name}/orders`, {})
}

function ask(
  gateway: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: object,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `http://${gateway}${path}`,
      { agent, method, headers: { ...headers, 'content-type': 'application/json' } },
      (response) => response.resume().on('end', () => resolve()),
    )
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
