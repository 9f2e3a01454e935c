import type { Customer } from './attributes.ts'
import type { Resource } from './model.ts'
import type { Random } from './random.ts'
import type { Call, DatabaseCall, Operation, ServiceName } from './shop.ts'

/** What a story may look at: one operation as it is served. Times in ns since the epoch. */
export interface Moment {
  readonly key: string
  readonly operation: Operation
  readonly resource: Resource
  readonly customer: Customer
  readonly start: bigint
  readonly random: Random
}

/** A cause planted in otherwise ordinary traffic: what it changes, and how it would be seen. Absent: as usual. */
export interface Story {
  readonly plants: string
  readonly seen: string
  /** The version an instance runs. */
  version?(service: ServiceName, instance: number): string | undefined
  /** What the operation does instead of its usual calls. */
  calls?(at: Moment): readonly Call[] | undefined
  /** Times the usual time spent in the service itself. */
  slower?(at: Moment): number
  /** The operation fails by itself. */
  fails?(at: Moment): { readonly type: string; readonly message: string } | undefined
  /** Nanoseconds for which a statement waits before it runs. */
  waits?(at: Moment, call: DatabaseCall, start: bigint): bigint
}

const second = 1_000_000_000n
const lockPeriod = 20n * second
const lockHeld = 4n * second

export const stories = {
  'n-plus-one': {
    plants:
      'catalogue "GET /products" reads the ids of a category with one statement and then each product with a statement of its own: 20 to 40 "SELECT … WHERE id = ?" under one span, one after another.',
    seen: 'Traces through "GET /categories/{category}" hold three to five times more spans; catalogue\'s request rate is unchanged while its edge to database postgresql/pg-products/products carries some 30 times more requests, each as quick as before; the waterfall is a staircase of equal bars.',
    calls: (at) => {
      if (at.key !== 'list products') return undefined
      const [list, ...rest] = at.operation.calls
      if (list?.type !== 'database') return undefined
      const ids = { ...list, statement: 'SELECT id FROM products WHERE category = ? ORDER BY rank LIMIT 40', ms: 1.5 }
      const each = { ...list, statement: 'SELECT id, name, price FROM products WHERE id = ?', ms: 0.9 }
      return [ids, { ...each, times: [20, 40] }, ...rest]
    },
  },
  'slow-customer-group': {
    plants:
      'pricing "Quote" takes 60 times as long for customers with customer.group = reseller (some 12 % of the traffic): a rule set that is scanned, in the service itself.',
    seen: "pricing's p50 is unchanged while its p90 and p99 rise; among its slow spans customer.group = reseller is in nearly all, among the rest in none; no instance, version or statement stands out.",
    slower: (at) => (at.operation.service === 'pricing' && at.customer.group === 'reseller' ? 60 : 1),
  },
  'failing-version': {
    plants:
      'one of three instances of payment runs version 6.4.0 (the others 6.3.0), and every third "Charge" there throws java.lang.NullPointerException.',
    seen: "payment's error share rises to some 12 %; all the new errors carry the resource attribute service.version = 6.4.0 and one exception; checkout's edge to payment and, where the retry fails too, checkout itself show them.",
    version: (service, instance) => (service === 'payment' && instance === 2 ? '6.4.0' : undefined),
    fails: (at) =>
      at.resource.version === '6.4.0' && at.random.chance(1 / 3)
        ? {
            type: 'java.lang.NullPointerException',
            message:
              'Cannot invoke "com.shop.payment.Mandate.reference()" because the return value of "mandate()" is null',
          }
        : undefined,
  },
  'slow-instance': {
    plants:
      'one of three instances of inventory is 25 times slower in its own code (a noisy neighbour), with no errors.',
    seen: "inventory's p50 is unchanged and its p90 and p99 rise; grouped by service.instance.id or k8s.pod.name one instance holds all slow spans; its self time grows while its statements are as quick as elsewhere.",
    slower: (at) => (at.operation.service === 'inventory' && at.resource.index === 1 ? 25 : 1),
  },
  'retry-storm': {
    plants:
      'shipping "POST /quotes" fails 70 % of its calls with a deadline, and checkout tries each up to 6 times without a pause.',
    seen: "shipping's request rate is about three times what checkout's justifies, most of it errors; in a trace of checkout the same client span stands up to six times in a row; checkout's own errors are far fewer than shipping's.",
    calls: (at) => {
      if (at.key !== 'place order') return undefined
      return at.operation.calls.map((call) =>
        call.type === 'call' && call.to === 'quote shipping' ? { ...call, retries: 5 } : call,
      )
    },
    fails: (at) =>
      at.key === 'quote shipping' && at.random.chance(0.7)
        ? { type: 'context.DeadlineExceeded', message: 'context deadline exceeded (Client.Timeout exceeded)' }
        : undefined,
  },
  lock: {
    plants:
      'every 20 s a report locks the table stock for 4 s: each "UPDATE stock" that begins meanwhile waits until the lock is released, then runs; reads are not hindered.',
    seen: 'In the scatter, slow "Reserve" and "POST /orders" form falling diagonals that end at the same moments (multiples of 20 s plus 4 s since the epoch); their critical path ends in "UPDATE stock" of inventory; "SELECT … FROM stock" stays quick.',
    waits: (_at, call, start) => {
      if (call.table !== 'stock' || call.operation !== 'UPDATE') return 0n
      const into = start % lockPeriod
      return into < lockHeld ? lockHeld - into : 0n
    },
  },
} as const satisfies Record<string, Story>
export type StoryName = keyof typeof stories

export const storyNames = Object.keys(stories) as readonly StoryName[]
