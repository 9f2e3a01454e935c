import type { Conventions } from './model.ts'

/** A service of the shop: who runs it, and under which names its SDK writes. */
export interface ServiceSpec {
  readonly language: 'nodejs' | 'java' | 'go' | 'python' | 'cpp' | 'dotnet'
  readonly conventions: Conventions
  readonly version: string
  readonly instances: number
}

const service = (
  language: ServiceSpec['language'],
  conventions: Conventions,
  version: string,
  instances: number,
): ServiceSpec => ({ language, conventions, version, instances })

export const services = {
  'edge-gateway': service('cpp', 'old', '1.36.2', 2),
  frontend: service('nodejs', 'new', '5.12.0', 3),
  catalogue: service('java', 'old', '3.8.1', 3),
  search: service('java', 'new', '2.2.0', 2),
  recommendation: service('python', 'new', '1.14.3', 2),
  pricing: service('go', 'new', '0.31.0', 2),
  user: service('dotnet', 'new', '4.1.7', 2),
  cart: service('nodejs', 'old', '2.19.4', 3),
  checkout: service('go', 'new', '1.77.0', 2),
  payment: service('java', 'new', '6.3.0', 3),
  fraud: service('python', 'old', '0.9.2', 1),
  inventory: service('java', 'old', '2.5.6', 3),
  shipping: service('go', 'new', '1.8.8', 2),
  notifications: service('nodejs', 'new', '1.3.1', 2),
} as const satisfies Record<string, ServiceSpec>
export type ServiceName = keyof typeof services

export interface Database {
  readonly system: string
  readonly namespace: string
  readonly address: string
  readonly port: number
}

export const databases = {
  products: { system: 'postgresql', namespace: 'products', address: 'pg-products', port: 5432 },
  accounts: { system: 'postgresql', namespace: 'accounts', address: 'pg-accounts', port: 5432 },
  orders: { system: 'mysql', namespace: 'orders', address: 'mysql-orders', port: 3306 },
  stock: { system: 'mysql', namespace: 'stock', address: 'mysql-stock', port: 3306 },
  ledger: { system: 'postgresql', namespace: 'ledger', address: 'pg-ledger', port: 5432 },
  rules: { system: 'mongodb', namespace: 'rules', address: 'mongo-rules', port: 27017 },
  text: { system: 'elasticsearch', namespace: 'products-v7', address: 'es-products', port: 9200 },
  carts: { system: 'redis', namespace: '0', address: 'redis-carts', port: 6379 },
  sessions: { system: 'redis', namespace: '1', address: 'redis-sessions', port: 6379 },
} as const satisfies Record<string, Database>
export type DatabaseName = keyof typeof databases

/** One step of an operation. `times` [least, most], `chance` of taking it, `aside`: beside the next step, not before it. */
interface Step {
  readonly times?: readonly [number, number]
  readonly chance?: number
  readonly aside?: boolean
}

export interface ServiceCall extends Step {
  readonly type: 'call'
  readonly to: string
  /** Further attempts after a failure. */
  readonly retries?: number
  /** The caller goes on when it failed. */
  readonly optional?: boolean
  /** The caller's HTTP client writes no span: the callee's stands directly below the caller's. */
  readonly unseen?: boolean
}
export interface DatabaseCall extends Step {
  readonly type: 'database'
  readonly database: DatabaseName
  readonly operation: string
  readonly table: string
  readonly statement: string
  readonly ms: number
}
export interface Publish extends Step {
  readonly type: 'publish'
  readonly topic: string
  /** Operations of the services that take messages off the topic. */
  readonly consumers: readonly string[]
}
export interface ExternalCall extends Step {
  readonly type: 'external'
  readonly host: string
  readonly method: string
  readonly path: string
  readonly ms: number
}
export interface Internal extends Step {
  readonly type: 'internal'
  readonly name: string
  readonly ms: number
}
export type Call = ServiceCall | DatabaseCall | Publish | ExternalCall | Internal

export interface Operation {
  readonly service: ServiceName
  readonly via:
    | { readonly type: 'http'; readonly method: string; readonly route: string }
    | { readonly type: 'grpc'; readonly service: string; readonly method: string }
    | { readonly type: 'topic'; readonly topic: string }
  /** Median of the time spent in the service itself. */
  readonly ms: number
  /** How often it fails by itself. */
  readonly failure: { readonly chance: number; readonly type: string; readonly message: string }
  readonly calls: readonly Call[]
}

const call = (to: string, more: Omit<ServiceCall, 'type' | 'to'> = {}): Call => ({ type: 'call', to, ...more })
const query = (database: DatabaseName, ms: number, statement: string, more: Step = {}): Call => ({
  type: 'database',
  database,
  operation: statement.split(' ', 1)[0] ?? '',
  table: /(?:FROM|INTO|UPDATE|IN) ([a-z_]+)/.exec(statement)?.[1] ?? 'keys',
  statement,
  ms,
  ...more,
})
const http = (
  service: ServiceName,
  method: string,
  route: string,
  ms: number,
  calls: readonly Call[],
  failure: Operation['failure'] = noFailure,
): Operation => ({ service, via: { type: 'http', method, route }, ms, calls, failure })
const rpc = (
  service: ServiceName,
  name: string,
  method: string,
  ms: number,
  calls: readonly Call[],
  failure: Operation['failure'] = noFailure,
): Operation => ({ service, via: { type: 'grpc', service: name, method }, ms, calls, failure })
const consumer = (service: ServiceName, topic: string, ms: number, calls: readonly Call[]): Operation => ({
  service,
  via: { type: 'topic', topic },
  ms,
  calls,
  failure: noFailure,
})
const noFailure = { chance: 0.002, type: 'InternalError', message: 'unexpected end of input' }
const fails = (chance: number, type: string, message: string) => ({ chance, type, message })

/** The first is what the browser asks for; keys are what `call` names. */
export const operations: Readonly<Record<string, Operation>> = {
  'gateway home': http('edge-gateway', 'GET', '/', 0.4, [call('home')]),
  'gateway product': http('edge-gateway', 'GET', '/products/{id}', 0.4, [call('product page')]),
  'gateway list': http('edge-gateway', 'GET', '/categories/{category}', 0.4, [call('category page')]),
  'gateway search': http('edge-gateway', 'GET', '/search', 0.4, [call('search page')]),
  'gateway add': http('edge-gateway', 'POST', '/cart/items', 0.5, [call('add to cart')]),
  'gateway checkout': http('edge-gateway', 'POST', '/checkout', 0.5, [call('place order page')]),

  home: http('frontend', 'GET', '/', 4, [
    call('session', { aside: true }),
    call('recommend', { optional: true }),
    { type: 'internal', name: 'render home', ms: 3 },
  ]),
  'product page': http('frontend', 'GET', '/products/:id', 3, [
    call('product', { retries: 1 }),
    call('recommend', { optional: true, chance: 0.4 }),
  ]),
  'category page': http('frontend', 'GET', '/categories/:category', 3, [
    call('list products'),
    { type: 'internal', name: 'render category', ms: 4 },
  ]),
  'search page': http('frontend', 'GET', '/search', 2, [call('search')]),
  'add to cart': http('frontend', 'POST', '/cart/items', 2, [call('session'), call('cart add')]),
  'place order page': http('frontend', 'POST', '/checkout', 3, [call('session'), call('place order')]),

  session: http(
    'user',
    'GET',
    '/sessions/{session}',
    1,
    [
      query('sessions', 0.4, 'GET session'),
      query('accounts', 2, 'SELECT id, email, tier FROM accounts WHERE id = $1', { chance: 0.2 }),
    ],
    fails(0.001, 'SessionExpiredException', 'session expired while it was read'),
  ),
  recommend: rpc('recommendation', 'shop.Recommendations', 'ListRecommendations', 6, [
    query('rules', 3, 'find IN associations', { times: [1, 2] }),
    call('list products', { chance: 0.3 }),
  ]),
  'list products': http('catalogue', 'GET', '/products', 2, [
    query('products', 6, 'SELECT id, name, price FROM products WHERE category = ? ORDER BY rank LIMIT 40'),
    call('price', { unseen: true }),
  ]),
  product: http('catalogue', 'GET', '/products/{productId}', 1.5, [
    query('products', 1.2, 'SELECT id, name, text, weight FROM products WHERE id = ?'),
    call('price', { unseen: true }),
    call('stock level', { chance: 0.5 }),
  ]),
  search: http(
    'search',
    'GET',
    '/v2/search',
    3,
    [query('text', 14, 'POST products-v7/_search')],
    fails(0.002, 'SearchPhaseExecutionException', 'all shards failed'),
  ),
  price: rpc('pricing', 'shop.Pricing', 'Quote', 0.8, [query('rules', 1.5, 'find IN price_rules', { chance: 0.6 })]),
  'cart add': http('cart', 'POST', '/carts/:cart/items', 1, [
    query('carts', 0.3, 'GET cart'),
    call('stock level'),
    query('carts', 0.4, 'SET cart'),
  ]),
  'cart read': http('cart', 'GET', '/carts/:cart', 1, [query('carts', 0.3, 'GET cart')]),
  'place order': http('checkout', 'POST', '/orders', 4, [
    call('cart read'),
    call('price'),
    call('reserve', { times: [1, 4] }),
    call('charge', { retries: 1 }),
    query('orders', 3, 'INSERT INTO orders (id, account, total, state) VALUES (?, ?, ?, ?)'),
    call('quote shipping', { retries: 1 }),
    { type: 'publish', topic: 'orders', consumers: ['ship order', 'confirm order'] },
  ]),
  charge: rpc(
    'payment',
    'shop.Payment',
    'Charge',
    5,
    [
      call('score', { optional: true }),
      { type: 'external', host: 'api.acquirer.example', method: 'POST', path: '/v1/charges', ms: 60 },
      query('ledger', 2, 'INSERT INTO entries (account, amount, currency) VALUES ($1, $2, $3)'),
    ],
    fails(0.01, 'com.shop.payment.CardDeclinedException', 'card declined: insufficient funds'),
  ),
  score: http('fraud', 'POST', '/score', 9, [query('rules', 2, 'find IN fraud_rules')]),
  'stock level': rpc('inventory', 'shop.Inventory', 'Level', 0.9, [
    query('stock', 1, 'SELECT available FROM stock WHERE sku = ?'),
  ]),
  reserve: rpc(
    'inventory',
    'shop.Inventory',
    'Reserve',
    1.2,
    [query('stock', 2.5, 'UPDATE stock SET available = available - ? WHERE sku = ? AND available >= ?')],
    fails(0.004, 'com.shop.inventory.OutOfStockException', 'no stock left'),
  ),
  'quote shipping': http(
    'shipping',
    'POST',
    '/quotes',
    2,
    [{ type: 'external', host: 'api.carrier.example', method: 'GET', path: '/rates', ms: 35 }],
    fails(0.004, 'context.DeadlineExceeded', 'context deadline exceeded'),
  ),
  'ship order': consumer('shipping', 'orders', 3, [
    query('orders', 3, 'UPDATE orders SET state = ? WHERE id = ?'),
    { type: 'external', host: 'api.carrier.example', method: 'POST', path: '/labels', ms: 80 },
    { type: 'publish', topic: 'parcels', consumers: ['tell parcel'] },
  ]),
  'confirm order': consumer('notifications', 'orders', 2, [
    { type: 'external', host: 'smtp.mail.example', method: 'POST', path: '/send', ms: 25 },
  ]),
  'tell parcel': consumer('notifications', 'parcels', 2, [
    { type: 'external', host: 'push.example', method: 'POST', path: '/3/device', ms: 18 },
  ]),
}

/** What comes in, with its share. */
export const entrances: readonly (readonly [operation: string, share: number])[] = [
  ['gateway home', 0.26],
  ['gateway product', 0.36],
  ['gateway list', 0.14],
  ['gateway search', 0.12],
  ['gateway add', 0.09],
  ['gateway checkout', 0.03],
]
