import { readFileSync } from 'node:fs'
import { diag, DiagLogLevel } from '@opentelemetry/api'
import type { OutboxOptions } from './export/outbox.ts'
import type { Receiver } from './export/sender.ts'
import type { KeepRules } from './sampling/late.ts'
import type { SamplingRules } from './sampling/sampler.ts'
import type { SpanLimits } from './trace/span.ts'

type Env = Readonly<Record<string, string | undefined>>

/** All that can be set, by OpenTelemetry's own variables and a few of ours. Values that make no sense are told and left. */
export interface Config {
  readonly enabled: boolean
  readonly exporter: 'otlp' | 'console' | 'none'
  readonly metrics: boolean
  readonly otlp: Receiver
  readonly batch: OutboxOptions & { readonly flushMs: number }
  readonly limits: Partial<SpanLimits>
  readonly sampling: SamplingRules
  /** What is kept although it was not chosen; undefined: nothing. */
  readonly keep: KeepRules | undefined
  readonly propagators: readonly string[]
  readonly serviceName: string | undefined
  readonly resource: Readonly<Record<string, string>>
  /** Instrumentations by name, all that are known when undefined. */
  readonly only: ReadonlySet<string> | undefined
  readonly without: ReadonlySet<string>
  readonly redact: boolean
}

const logLevels: Readonly<Record<string, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
}

/** `OTEL_LOG_LEVEL`: how much the agent says of itself, on stderr; `warn` where nothing is set. */
export function logLevel(env: Env): DiagLogLevel {
  return logLevels[env['OTEL_LOG_LEVEL']?.toLowerCase() ?? ''] ?? DiagLogLevel.WARN
}

/**
 * Reads the configuration (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * …/protocol/exporter/). Throws when what is set for the connection cannot be read: a wrong file of certificates.
 */
export function readConfig(env: Env): Config {
  const read = new Variables(env)
  const wanted = read.list('OTEL_NODE_ENABLED_INSTRUMENTATIONS')
  const perSecond = read.number('WEFT_SAMPLE_PER_SECOND', -1)
  const keep = keepOf(read.list('WEFT_KEEP'))
  return {
    enabled: env['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true',
    exporter: exporterOf(env['OTEL_TRACES_EXPORTER']),
    metrics: (env['OTEL_METRICS_EXPORTER'] ?? '').split(',').includes('otlp'),
    otlp: otlpOf(read, env),
    batch: {
      delayMs: read.number('OTEL_BSP_SCHEDULE_DELAY', 1_000),
      batchSpans: Math.max(read.number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512), 1),
      queueSpans: Math.max(read.number('OTEL_BSP_MAX_QUEUE_SIZE', 16_384), 1),
      queueBytes: Math.max(read.number('WEFT_MAX_QUEUE_BYTES', 16 * 1024 * 1024), 1),
      flushMs: read.number('WEFT_FLUSH_TIMEOUT', 3_000),
    },
    limits: {
      ...read.limit('attributeCountLimit', 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'),
      ...read.limit(
        'attributeValueLengthLimit',
        'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
        'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
      ),
      ...read.limit('eventCountLimit', 'OTEL_SPAN_EVENT_COUNT_LIMIT'),
      ...read.limit('linkCountLimit', 'OTEL_SPAN_LINK_COUNT_LIMIT'),
      ...read.limit('attributePerEventCountLimit', 'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT'),
      ...read.limit('attributePerLinkCountLimit', 'OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'),
    },
    sampling: {
      name: env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on',
      argument: env['OTEL_TRACES_SAMPLER_ARG'],
      routes: routesOf(env['WEFT_SAMPLE_ROUTES']),
      tracesPerSecond: perSecond < 0 ? undefined : perSecond,
      recordAll: keep !== undefined,
    },
    keep,
    propagators: read.list('OTEL_PROPAGATORS') ?? ['tracecontext', 'baggage'],
    serviceName: env['OTEL_SERVICE_NAME'] || undefined,
    resource: pairs(env['OTEL_RESOURCE_ATTRIBUTES']),
    only: wanted === undefined ? undefined : new Set(wanted),
    without: new Set(read.list('OTEL_NODE_DISABLED_INSTRUMENTATIONS') ?? []),
    redact: env['WEFT_REDACT']?.toLowerCase() !== 'false',
  }
}

function exporterOf(value: string | undefined): Config['exporter'] {
  const name = value?.trim().toLowerCase() || 'otlp'
  if (name === 'otlp' || name === 'console' || name === 'none') return name
  diag.warn(`OTEL_TRACES_EXPORTER=${name} is not known here; otlp is used`)
  return 'otlp'
}

/** `/health=0,/api/search=0.1` */
function routesOf(text: string | undefined): ReadonlyMap<string, number> {
  const routes = new Map<string, number>()
  for (const [path, value] of Object.entries(pairs(text))) {
    const probability = Number(value)
    if (path.startsWith('/') && probability >= 0 && probability <= 1) routes.set(path, probability)
    else diag.warn(`WEFT_SAMPLE_ROUTES: ${path}=${value} is no path with a probability from 0 to 1`)
  }
  return routes
}

/** `errors,slower=500ms` */
function keepOf(rules: readonly string[] | undefined): KeepRules | undefined {
  if (rules === undefined) return undefined
  let errors = false
  let slowerThanMs: number | undefined
  for (const rule of rules) {
    const [, amount, unit] = /^slower=(\d+(?:\.\d+)?)(ms|s)$/.exec(rule) ?? []
    if (rule === 'errors') errors = true
    else if (amount !== undefined) slowerThanMs = Number(amount) * (unit === 's' ? 1_000 : 1)
    else diag.warn(`WEFT_KEEP: ${rule} is neither errors nor slower=500ms`)
  }
  return errors || slowerThanMs !== undefined ? { errors, slowerThanMs } : undefined
}

function otlpOf(read: Variables, env: Env): Receiver {
  const of = (name: string): string | undefined =>
    env[`OTEL_EXPORTER_OTLP_TRACES_${name}`]?.trim() || env[`OTEL_EXPORTER_OTLP_${name}`]?.trim() || undefined
  const file = (key: keyof Receiver['tls'], name: string): Receiver['tls'] => {
    const path = of(name)
    return path === undefined ? {} : { [key]: readFileSync(path) }
  }
  const wanted = of('PROTOCOL') ?? 'http/protobuf'
  const protocol = wanted === 'grpc' || wanted === 'http/json' ? wanted : 'http/protobuf'
  if (wanted !== protocol) diag.warn(`OTLP is sent as http/protobuf: ${wanted} is not known here`)
  return {
    protocol,
    url: protocol === 'grpc' ? grpcUrl(of('ENDPOINT'), of('INSECURE')) : httpUrl(env),
    headers: { ...pairs(env['OTEL_EXPORTER_OTLP_HEADERS']), ...pairs(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS']) },
    timeoutMs: read.number('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', read.number('OTEL_EXPORTER_OTLP_TIMEOUT', 10_000)),
    gzip: of('COMPRESSION') === 'gzip',
    tls: { ...file('ca', 'CERTIFICATE'), ...file('key', 'CLIENT_KEY'), ...file('cert', 'CLIENT_CERTIFICATE') },
  }
}

/** The signal's own endpoint is used as it is, the common one gets the signal's path. */
function httpUrl(env: Env): URL {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']?.trim()
  if (own) return urlOf(own, 'http://127.0.0.1:4318/v1/traces')
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim() || 'http://127.0.0.1:4318'
  return urlOf(`${base.replace(/\/+$/, '')}/v1/traces`, 'http://127.0.0.1:4318/v1/traces')
}

function grpcUrl(endpoint: string | undefined, insecure: string | undefined): URL {
  const fallback = 'http://127.0.0.1:4317'
  if (endpoint === undefined) return new URL(fallback)
  if (endpoint.includes('://')) return urlOf(endpoint, fallback)
  return urlOf(`${insecure?.toLowerCase() === 'true' ? 'http' : 'https'}://${endpoint}`, fallback)
}

function urlOf(text: string, fallback: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  diag.warn(`the OTLP endpoint ${text} is no http or https URL; ${fallback} is used`)
  return new URL(fallback)
}

/** `key1=value1,key2=value2`, percent-encoded, as headers and resource attributes are given. */
function pairs(text: string | undefined): Record<string, string> {
  const all: Record<string, string> = {}
  for (const pair of (text ?? '').split(',')) {
    const at = pair.indexOf('=')
    if (at <= 0) continue
    const value = pair.slice(at + 1).trim()
    try {
      all[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(value)
    } catch {
      all[pair.slice(0, at).trim()] = value
    }
  }
  return all
}

class Variables {
  readonly #env: Env

  constructor(env: Env) {
    this.#env = env
  }

  number(name: string, fallback: number): number {
    const text = this.#env[name]?.trim()
    if (!text) return fallback
    const value = Number(text)
    if (Number.isFinite(value) && value >= 0) return value
    diag.warn(`${name}=${text} is no number; ${fallback} is used`)
    return fallback
  }

  limit(key: string, ...names: readonly string[]): Record<string, number> {
    const name = names.find((each) => this.#env[each]?.trim())
    if (name === undefined) return {}
    const value = this.number(name, -1)
    return value < 0 ? {} : { [key]: value }
  }

  list(name: string): string[] | undefined {
    const text = this.#env[name]?.trim()
    if (!text) return undefined
    return text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
  }
}
