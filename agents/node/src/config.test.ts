import { diag, DiagLogLevel } from '@opentelemetry/api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { logLevel, readConfig } from './config.ts'

const warnings: string[] = []
beforeEach(() => {
  warnings.length = 0
  const ignore = () => {}
  const warn = (message: string) => void warnings.push(message)
  diag.setLogger({ warn, error: warn, info: ignore, debug: ignore, verbose: ignore }, { suppressOverrideMessage: true })
})
afterEach(() => diag.disable())

test('without any variable: everything, to this machine', () => {
  const config = readConfig({})
  expect(config).toMatchObject({
    enabled: true,
    exporter: 'otlp',
    metrics: false,
    otlp: { protocol: 'http/protobuf', headers: {}, timeoutMs: 10_000, gzip: false },
    sampling: { name: 'parentbased_always_on', recordAll: false },
    propagators: ['tracecontext', 'baggage'],
    redact: true,
  })
  expect(config.otlp.url.href).toBe('http://127.0.0.1:4318/v1/traces')
  expect(warnings).toEqual([])
})

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1/x/' }, 'http://c:1/x/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/mine', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://d' }, 'https://c/mine'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'http://127.0.0.1:4317/'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, 'http://c:1/'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'c:1' }, 'https://c:1/'],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'c:1', OTEL_EXPORTER_OTLP_INSECURE: 'true' },
    'http://c:1/',
  ],
])('the endpoint of %o', (env, url) => {
  expect(readConfig(env).otlp.url.href).toBe(url)
  expect(warnings).toEqual([])
})

test('headers and resource attributes are percent-decoded', () => {
  const config = readConfig({
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a%3Db, x = y ',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,team=a%2Cb,broken=%zz',
  })
  expect(config.otlp.headers).toEqual({ authorization: 'Bearer a=b', x: 'y' })
  expect(config.resource).toEqual({ 'deployment.environment.name': 'prod', team: 'a,b', broken: '%zz' })
})

test('what makes no sense is told and left', () => {
  const config = readConfig({
    OTEL_BSP_SCHEDULE_DELAY: 'soon',
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'nowhere',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml',
    WEFT_KEEP: 'errors,slower=fast',
    WEFT_SAMPLE_ROUTES: '/a=2,/b=0.5',
  })
  expect(config).toMatchObject({ exporter: 'otlp', batch: { delayMs: 1_000 }, keep: { errors: true } })
  expect(config.otlp.url.href).toBe('http://127.0.0.1:4318/v1/traces')
  expect([...config.sampling.routes]).toEqual([['/b', 0.5]])
  expect(warnings).toHaveLength(6)
})

test('rules of sampling', () => {
  const config = readConfig({
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    WEFT_SAMPLE_PER_SECOND: '100',
    WEFT_KEEP: 'errors, slower=1.5s',
  })
  expect(config.sampling).toMatchObject({
    name: 'traceidratio',
    argument: '0.25',
    tracesPerSecond: 100,
    recordAll: true,
  })
  expect(config.keep).toEqual({ errors: true, slowerThanMs: 1_500 })
})

test('how much is said', () => {
  expect(logLevel({})).toBe(DiagLogLevel.WARN)
  expect(logLevel({ OTEL_LOG_LEVEL: 'DEBUG' })).toBe(DiagLogLevel.DEBUG)
  expect(logLevel({ OTEL_LOG_LEVEL: 'everything' })).toBe(DiagLogLevel.WARN)
})
