import type { Attribute, Conventions, Value } from './model.ts'
import type { Random } from './random.ts'
import type { Database, DatabaseCall, Operation } from './shop.ts'

/** Who a trace is for: the same in all its spans. */
export interface Customer {
  readonly id: string
  readonly group: string
  readonly session: string
  readonly agent: string
  readonly address: string
}

export const customerGroups = ['private', 'student', 'trade', 'reseller', 'staff'] as const
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36',
  'ShopApp/7.4.1 (iPhone; iOS 18.5; Scale/3.00)',
  'curl/8.14.1',
]

export function someCustomer(random: Random): Customer {
  // The square makes a few customers frequent and most of them rare.
  const number = Math.floor(50_000 * random.float() * random.float())
  return {
    id: `customer-${String(number).padStart(5, '0')}`,
    group: customerGroups[Math.floor((number % 100) ** 2 / 2000)] ?? customerGroups[0],
    session: `s-${random.hex(14)}`,
    agent: agents[number % agents.length] as string,
    address: `10.${number & 127}.${(number >> 7) & 255}.${number % 253}`,
  }
}

type List = Attribute[]
const put = (list: List, key: string, value: Value) => list.push({ key, value })

/** Path and route parameters filled in, as `url.path` and `http.target` hold them. */
export function pathOf(route: string, random: Random): string {
  return route.replaceAll(/[:{][A-Za-z]+}?/g, () => String(1000 + random.int(9000)))
}

export function httpServer(
  conventions: Conventions,
  method: string,
  route: string,
  status: number,
  host: string,
  customer: Customer,
  random: Random,
): List {
  const list: List = []
  const path = pathOf(route, random)
  if (conventions === 'new') {
    put(list, 'http.request.method', method)
    put(list, 'url.scheme', 'http')
    put(list, 'url.path', path)
    put(list, 'http.route', route)
    put(list, 'http.response.status_code', BigInt(status))
    put(list, 'server.address', host)
    put(list, 'server.port', 8080n)
    put(list, 'user_agent.original', customer.agent)
  } else {
    put(list, 'http.method', method)
    put(list, 'http.scheme', 'http')
    put(list, 'http.target', path)
    put(list, 'http.route', route)
    put(list, 'http.status_code', BigInt(status))
    put(list, 'net.host.name', host)
    put(list, 'net.host.port', 8080n)
    put(list, 'http.user_agent', customer.agent)
  }
  return list
}

export function httpClient(
  conventions: Conventions,
  method: string,
  host: string,
  port: number,
  path: string,
  status: number,
): List {
  const list: List = []
  const url = `http://${host}:${port}${path}`
  if (conventions === 'new') {
    put(list, 'http.request.method', method)
    put(list, 'url.full', url)
    put(list, 'http.response.status_code', BigInt(status))
    put(list, 'server.address', host)
    put(list, 'server.port', BigInt(port))
  } else {
    put(list, 'http.method', method)
    put(list, 'http.url', url)
    put(list, 'http.status_code', BigInt(status))
    put(list, 'net.peer.name', host)
    put(list, 'net.peer.port', BigInt(port))
  }
  return list
}

/** rpc.* are named alike in both generations but for the address. */
export function rpc(
  conventions: Conventions,
  via: Extract<Operation['via'], { type: 'grpc' }>,
  host: string,
  code: number,
): List {
  const list: List = []
  put(list, 'rpc.system', 'grpc')
  put(list, 'rpc.service', via.service)
  put(list, 'rpc.method', via.method)
  put(list, 'rpc.grpc.status_code', BigInt(code))
  put(list, conventions === 'new' ? 'server.address' : 'net.peer.name', host)
  put(list, conventions === 'new' ? 'server.port' : 'net.peer.port', 9090n)
  return list
}

export function database(conventions: Conventions, at: Database, call: DatabaseCall): List {
  const list: List = []
  if (conventions === 'new') {
    put(list, 'db.system.name', at.system)
    put(list, 'db.namespace', at.namespace)
    put(list, 'db.operation.name', call.operation)
    put(list, 'db.collection.name', call.table)
    put(list, 'db.query.text', call.statement)
    put(list, 'server.address', at.address)
    put(list, 'server.port', BigInt(at.port))
  } else {
    put(list, 'db.system', at.system)
    put(list, 'db.name', at.namespace)
    put(list, 'db.operation', call.operation)
    put(list, 'db.sql.table', call.table)
    put(list, 'db.statement', call.statement)
    put(list, 'net.peer.name', at.address)
    put(list, 'net.peer.port', BigInt(at.port))
  }
  return list
}

export function messaging(conventions: Conventions, topic: string, publishes: boolean, random: Random): List {
  const list: List = []
  put(list, 'messaging.system', 'kafka')
  if (conventions === 'new') {
    put(list, 'messaging.destination.name', topic)
    put(list, 'messaging.operation.type', publishes ? 'send' : 'process')
    put(list, 'messaging.operation.name', publishes ? 'send' : 'poll')
    put(list, 'messaging.destination.partition.id', String(random.int(12)))
  } else {
    put(list, 'messaging.destination', topic)
    put(list, 'messaging.destination_kind', 'topic')
    put(list, 'messaging.operation', publishes ? 'publish' : 'process')
    put(list, 'messaging.kafka.partition', BigInt(random.int(12)))
  }
  put(list, 'messaging.message.body.size', BigInt(200 + random.int(1800)))
  return list
}

/** How many attributes of each type a span is filled up to. */
export interface Fill {
  readonly strings: number
  readonly ints: number
  readonly doubles: number
  readonly bools: number
}

/** The bench body: 14 attributes, 3 of them ints, 1 double, 1 bool. */
export const benchFill: Fill = { strings: 9, ints: 3, doubles: 1, bools: 1 }

const colours = ['blue', 'green', 'canary']
const regions = ['eu-central-1', 'eu-west-1', 'us-east-1', 'ap-southeast-2']
const threads = ['http-nio-8080-exec', 'worker', 'event-loop', 'grpc-default-executor']

const words = new Map<Operation, string>()

/** What an operation is about, as a part of an attribute's key. */
function wordOf(operation: Operation): string {
  let word = words.get(operation)
  if (word === undefined) {
    const { via } = operation
    const name = via.type === 'http' ? `${via.method} ${via.route}` : via.type === 'grpc' ? via.method : via.topic
    word = name
      .toLowerCase()
      .replaceAll(/[:{][a-z]+}?/g, '')
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replace(/_$/, '')
    words.set(operation, word)
  }
  return word
}

/** Fills a span up with what applications add of their own: who it is for, where it ran, some of it with a key of this service's. */
export function fillUp(list: List, fill: Fill, operation: Operation, customer: Customer, random: Random): List {
  const { service } = operation
  const own = `shop.${service}.${wordOf(operation)}`
  let { strings, ints, doubles, bools } = fill
  for (const { value } of list) {
    if (typeof value === 'bigint') ints--
    else if (typeof value === 'string') strings--
  }
  if (strings > 0) put(list, 'customer.id', customer.id)
  if (strings > 1) put(list, 'customer.group', customer.group)
  if (strings > 2)
    put(list, 'code.function.name', `com.shop.${service}.${wordOf(operation)}.Handler.handle${random.int(9)}`)
  if (strings > 3) put(list, 'session.id', customer.session)
  if (strings > 4) put(list, 'client.address', customer.address)
  if (strings > 5) put(list, 'thread.name', `${random.pick(threads)}-${random.int(16)}`)
  if (strings > 6) put(list, `${own}.deployment`, random.pick(colours))
  if (strings > 7) put(list, 'cloud.region', random.pick(regions))
  if (strings > 8) put(list, `${own}.build`, '2f6c1e0b84d95a7733c1f0e2d6b8a94c5e7f1032')
  if (strings > 9) put(list, 'network.protocol.version', '1.1')
  if (ints > 0) put(list, 'thread.id', BigInt(1 + random.int(64)))
  if (ints > 1) put(list, `${own}.items`, BigInt(random.int(40)))
  if (ints > 2) put(list, `${own}.bytes`, BigInt(random.int(40_000)))
  if (doubles > 0) put(list, `${own}.score`, random.float())
  if (doubles > 1) put(list, 'shop.cart.value', Math.round(random.float() * 30_000) / 100)
  if (bools > 0) put(list, 'shop.cached', random.chance(0.3))
  return list
}
