import * as attributes from './attributes.ts'
import type { Attribute, Kind, Resource, Span, SpanEvent, SpanLink, Trace } from './model.ts'
import { kinds } from './model.ts'
import { Random } from './random.ts'
import { resourceOf } from './resources.ts'
import type { Call, DatabaseCall, ExternalCall, Operation, Publish, ServiceCall, ServiceName } from './shop.ts'
import { databases, entrances, operations, services } from './shop.ts'
import { type Moment, stories, type Story, type StoryName } from './stories.ts'

export interface TraceOptions {
  /** Traces until this many spans are reached (the last trace is whole), 10,000 by default. */
  readonly spans?: number
  /** The same seed, the same traces to the last byte. 1 by default. */
  readonly seed?: number
  /** When the first trace starts, ns since the epoch; 2026-01-01T00:00:00Z by default. */
  readonly start?: bigint
  /** Over how many seconds the traces' starts are spread. 10 by default. */
  readonly spread?: number
  readonly story?: StoryName
  /** `varied`: 10 to 20 attributes a span, by operation. `bench`: 14 (9 strings, 3 ints, 1 double, 1 bool). */
  readonly attributes?: 'varied' | 'bench'
  /** Instances of each service: its own number by default. */
  readonly instances?: number
}

export const defaultStart = 1_767_225_600_000_000_000n

type Draft = { -readonly [Field in keyof Span]: Span[Field] }

interface Outcome {
  /** Nanoseconds after the trace's start. */
  readonly end: number
  readonly failed: boolean
}

const ms = 1e6
const noAttributes: readonly Attribute[] = []
const fills = Array.from({ length: 11 }, (_, i) => {
  const sum = 10 + i
  const ints = 2 + (i % 3)
  return { strings: sum - ints - 2, ints, doubles: 1, bools: 1 }
})

/** Whole traces of a shop of 14 services, in the order of their starts. */
export function* generateTraces(options: TraceOptions = {}): Generator<Trace> {
  const wanted = options.spans ?? 10_000
  const seed = options.seed ?? 1
  const story: Story = options.story === undefined ? { plants: '', seen: '' } : stories[options.story]
  const resources = instancesOf(options.instances, story)
  const begin = options.start ?? defaultStart
  // The mean of spans a trace is not known beforehand: the share of what is done says how far the clock has come.
  let made = 0
  for (let number = 0; made < wanted; number++) {
    const at = begin + BigInt(Math.floor((options.spread ?? 10) * 1e9 * (made / wanted)))
    const trace = new Builder(
      new Random(seed, number + 1),
      at,
      resources,
      story,
      options.attributes ?? 'varied',
    ).build()
    made += trace.spans.length
    yield trace
  }
}

function instancesOf(instances: number | undefined, story: Story): ReadonlyMap<ServiceName, readonly Resource[]> {
  const all = new Map<ServiceName, readonly Resource[]>()
  for (const name of Object.keys(services) as ServiceName[]) {
    const { version, instances: usual } = services[name]
    const list = Array.from({ length: instances ?? usual }, (_, index) =>
      resourceOf(name, index, story.version?.(name, index) ?? version),
    )
    all.set(name, list)
  }
  return all
}

class Builder {
  readonly #random: Random
  readonly #start: bigint
  readonly #resources: ReadonlyMap<ServiceName, readonly Resource[]>
  readonly #story: Story
  readonly #attributes: 'varied' | 'bench'
  readonly #customer: attributes.Customer
  readonly #id: Uint8Array
  readonly #spans: Draft[] = []

  constructor(
    random: Random,
    start: bigint,
    resources: ReadonlyMap<ServiceName, readonly Resource[]>,
    story: Story,
    fill: 'varied' | 'bench',
  ) {
    this.#random = random
    this.#start = start
    this.#resources = resources
    this.#story = story
    this.#attributes = fill
    this.#id = random.bytes(16)
    this.#customer = attributes.someCustomer(random)
  }

  build(): Trace {
    let draw = this.#random.float()
    let entrance = entrances[0]?.[0] as string
    for (const [key, share] of entrances) {
      if (draw < share) {
        entrance = key
        break
      }
      draw -= share
    }
    this.#serve(entrance, undefined, 0, '')
    return { id: this.#id, spans: this.#spans }
  }

  /** One operation in one instance of its service: the SERVER or CONSUMER span and all below it. */
  #serve(
    key: string,
    parent: Draft | undefined,
    start: number,
    peer: string,
    links: readonly SpanLink[] = [],
  ): Outcome {
    const operation = operationOf(key)
    const { via } = operation
    const resource = this.#random.pick(this.#resources.get(operation.service) as readonly Resource[])
    const name = nameOf(via)
    const span = this.#open(resource, parent, name, via.type === 'topic' ? kinds.consumer : kinds.server, start)
    span.peer = peer
    span.links = links
    const moment: Moment = {
      key,
      operation,
      resource,
      customer: this.#customer,
      start: this.#at(start),
      random: this.#random,
    }
    const own = this.#random.latency(operation.ms * ms) * (this.#story.slower?.(moment) ?? 1)
    let now = start + own * 0.4
    let latest = now
    let failure = this.#ownFailure(moment)
    // What fails by itself does so before its last step, so that failing traces have children too.
    const calls = this.#story.calls?.(moment) ?? operation.calls
    for (const call of failure ? calls.slice(0, -1) : calls) {
      if (call.chance !== undefined && !this.#random.chance(call.chance)) continue
      const [least, most] = call.times ?? [1, 1]
      for (let time = least + this.#random.int(most - least + 1); time > 0; time--) {
        const outcome = this.#call(call, span, moment, now)
        latest = Math.max(latest, outcome.end)
        if (!call.aside) now = outcome.end + own * 0.02
        if (outcome.failed && !(call.type === 'call' && call.optional)) {
          failure ??= { type: 'UpstreamFailure', message: `${describe(call)} failed` }
        }
      }
      if (failure) break
    }
    const end = Math.max(now, latest) + own * 0.6
    const status = failure ? 500 : 200
    const host = operation.service
    span.attributes = this.#fill(
      operation,
      via.type === 'http'
        ? attributes.httpServer(resource.conventions, via.method, via.route, status, host, this.#customer, this.#random)
        : via.type === 'grpc'
          ? attributes.rpc(resource.conventions, via, host, failure ? 13 : 0)
          : attributes.messaging(resource.conventions, via.topic, false, this.#random),
    )
    return this.#close(span, end, failure)
  }

  #ownFailure(moment: Moment): { readonly type: string; readonly message: string } | undefined {
    const { failure } = moment.operation
    const planted = this.#story.fails?.(moment)
    return planted ?? (this.#random.chance(failure.chance) ? failure : undefined)
  }

  #call(call: Call, parent: Draft, moment: Moment, start: number): Outcome {
    if (call.type === 'call') return this.#callService(call, parent, moment, start)
    if (call.type === 'database') return this.#callDatabase(call, parent, moment, start)
    if (call.type === 'publish') return this.#publish(call, parent, moment, start)
    if (call.type === 'external') return this.#callHost(call, parent, moment, start)
    const span = this.#open(parent.resource, parent, call.name, kinds.internal, start)
    span.attributes = this.#fill(moment.operation, [])
    return this.#close(span, start + this.#random.latency(call.ms * ms), undefined)
  }

  #callService(call: ServiceCall, parent: Draft, moment: Moment, start: number): Outcome {
    const callee = operationOf(call.to)
    if (call.unseen) return this.#serve(call.to, parent, start + this.#network(), `service:${parent.resource.service}`)
    let from = start
    for (let attempt = 0; ; attempt++) {
      const { via } = callee
      const name = via.type === 'http' && parent.resource.conventions === 'old' ? `HTTP ${via.method}` : nameOf(via)
      const span = this.#open(parent.resource, parent, name, kinds.client, from)
      span.peer = `service:${callee.service}`
      const served = this.#serve(call.to, span, from + this.#network(), '')
      const { conventions } = parent.resource
      const own =
        via.type === 'http'
          ? attributes.httpClient(
              conventions,
              via.method,
              callee.service,
              8080,
              attributes.pathOf(via.route, this.#random),
              served.failed ? 500 : 200,
            )
          : via.type === 'grpc'
            ? attributes.rpc(conventions, via, callee.service, served.failed ? 13 : 0)
            : []
      if (attempt > 0) own.push({ key: 'http.request.resend_count', value: BigInt(attempt) })
      span.attributes = this.#fill(moment.operation, own)
      const outcome = this.#close(
        span,
        served.end + this.#network(),
        served.failed ? { type: via.type === 'grpc' ? '13' : '500', message: '' } : undefined,
      )
      if (!served.failed || attempt === (call.retries ?? 0)) return outcome
      from = outcome.end
    }
  }

  #callDatabase(call: DatabaseCall, parent: Draft, moment: Moment, start: number): Outcome {
    const { conventions } = parent.resource
    const at = databases[call.database]
    const name =
      conventions === 'new' ? `${call.operation} ${call.table}` : `${call.operation} ${at.namespace}.${call.table}`
    const span = this.#open(parent.resource, parent, name, kinds.client, start, 'db')
    span.peer = `database:${at.system}/${at.address}/${at.namespace}`
    const waited = this.#story.waits?.(moment, call, span.start) ?? 0n
    const end = start + Number(waited) + this.#random.latency(call.ms * ms, 0.5)
    span.attributes = this.#fill(moment.operation, attributes.database(conventions, at, call))
    const broken = this.#random.chance(0.0003)
    return this.#close(span, end, broken ? { type: 'ConnectionReset', message: 'connection reset by peer' } : undefined)
  }

  #callHost(call: ExternalCall, parent: Draft, moment: Moment, start: number): Outcome {
    const span = this.#open(parent.resource, parent, call.method, kinds.client, start)
    span.peer = `external:${call.host}`
    const failed = this.#random.chance(0.002)
    const own = attributes.httpClient(
      parent.resource.conventions,
      call.method,
      call.host,
      443,
      call.path,
      failed ? 503 : 200,
    )
    span.attributes = this.#fill(moment.operation, own)
    const end = start + this.#random.latency(call.ms * ms, 0.5)
    return this.#close(span, end, failed ? { type: '503', message: '' } : undefined)
  }

  #publish(call: Publish, parent: Draft, moment: Moment, start: number): Outcome {
    const { conventions } = parent.resource
    const name = conventions === 'new' ? `send ${call.topic}` : `${call.topic} publish`
    const span = this.#open(parent.resource, parent, name, kinds.producer, start, 'messaging')
    const topic = `queue:kafka/${call.topic}`
    span.peer = topic
    span.attributes = this.#fill(moment.operation, attributes.messaging(conventions, call.topic, true, this.#random))
    const outcome = this.#close(span, start + this.#random.latency(0.8 * ms), undefined)
    for (const consumer of call.consumers) {
      const link = { traceId: this.#id, spanId: span.spanId, attributes: noAttributes }
      this.#serve(consumer, span, outcome.end + this.#random.latency(20 * ms, 0.8), topic, [link])
    }
    return outcome
  }

  #open(
    resource: Resource,
    parent: Draft | undefined,
    name: string,
    kind: Kind,
    start: number,
    scope: 'rpc' | 'db' | 'messaging' = 'rpc',
  ): Draft {
    const at = this.#at(start)
    const span: Draft = {
      traceId: this.#id,
      spanId: this.#random.bytes(8),
      parentSpanId: parent?.spanId,
      resource,
      scope: scopeOf(resource, scope),
      name,
      kind,
      start: at,
      end: at,
      attributes: noAttributes,
      events: [],
      links: [],
      error: false,
      statusMessage: '',
      peer: '',
    }
    this.#spans.push(span)
    return span
  }

  #close(span: Draft, end: number, failure: { readonly type: string; readonly message: string } | undefined): Outcome {
    span.end = this.#at(end)
    if (failure) {
      span.error = true
      span.statusMessage = failure.message
      if (failure.message !== '') span.events = [exception(failure, span, span.end - 20_000n)]
    }
    return { end, failed: failure !== undefined }
  }

  #fill(operation: Operation, list: Attribute[]): readonly Attribute[] {
    // By its route an operation always has as many attributes, as in programs.
    const fill =
      this.#attributes === 'bench'
        ? attributes.benchFill
        : (fills[(operation.service.length * 7 + nameOf(operation.via).length) % fills.length] ?? attributes.benchFill)
    return attributes.fillUp(list, fill, operation, this.#customer, this.#random)
  }

  #at(offset: number): bigint {
    return this.#start + BigInt(Math.round(offset))
  }

  #network(): number {
    return this.#random.latency(0.25 * ms)
  }
}

function operationOf(key: string): Operation {
  const operation = operations[key]
  if (!operation) throw new Error(`BUG: the shop has no operation ${key}`)
  return operation
}

function nameOf(via: Operation['via']): string {
  if (via.type === 'http') return `${via.method} ${via.route}`
  return via.type === 'grpc' ? `${via.service}/${via.method}` : `process ${via.topic}`
}

function describe(call: Call): string {
  if (call.type === 'call') return nameOf(operationOf(call.to).via)
  if (call.type === 'database') return call.operation
  if (call.type === 'external') return call.host
  return call.type === 'publish' ? call.topic : call.name
}

const scopes = {
  nodejs: {
    rpc: '@opentelemetry/instrumentation-http',
    db: '@opentelemetry/instrumentation-redis',
    messaging: 'kafkajs',
  },
  java: {
    rpc: 'io.opentelemetry.tomcat-10.0',
    db: 'io.opentelemetry.jdbc',
    messaging: 'io.opentelemetry.kafka-clients-2.6',
  },
  go: {
    rpc: 'go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp',
    db: 'github.com/uptrace/opentelemetry-go-extra/otelsql',
    messaging: 'github.com/dnwe/otelsarama',
  },
  python: {
    rpc: 'opentelemetry.instrumentation.grpc',
    db: 'opentelemetry.instrumentation.pymongo',
    messaging: 'kafka',
  },
  cpp: { rpc: 'envoy', db: 'envoy', messaging: 'envoy' },
  dotnet: { rpc: 'Microsoft.AspNetCore', db: 'Npgsql', messaging: 'Confluent.Kafka' },
} as const satisfies Record<Resource['language'], Record<string, string>>

function scopeOf(resource: Resource, scope: 'rpc' | 'db' | 'messaging'): string {
  return scopes[resource.language][scope]
}

function exception(failure: { readonly type: string; readonly message: string }, span: Draft, time: bigint): SpanEvent {
  const { service } = span.resource
  const frames = Array.from(
    { length: 6 },
    (_, i) =>
      `    at com.shop.${service}.${i === 0 ? 'Handler' : `layer${i}.Filter`}.run(${service}.src:${40 + 17 * i})`,
  )
  return {
    name: 'exception',
    time: time > span.start ? time : span.start,
    attributes: [
      { key: 'exception.type', value: failure.type },
      { key: 'exception.message', value: failure.message },
      { key: 'exception.stacktrace', value: `${failure.type}: ${failure.message}\n${frames.join('\n')}` },
    ],
  }
}
