import { Command } from 'commander'
import { expect, test, vi } from 'vitest'
import { parseUrls, standardUrls } from './clickhouse-options.ts'
import { formatAddress, parseAddress, urlOf } from './address.ts'
import { addKafkaOptions } from './kafka-options.ts'
import { flagsOf, selfTrace } from './options.ts'
import { parseBytes, parseDays, parseDiskLimit, parseSeconds, parseSwitch } from './quantities.ts'

test.each([
  ['127.0.0.1:4318', { host: '127.0.0.1', port: 4318 }],
  ['4318', { host: '127.0.0.1', port: 4318 }],
  [':0', { host: '127.0.0.1', port: 0 }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['[::1]:4318', { host: '::1', port: 4318 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
])('address %s', (text, address) => {
  expect(parseAddress(text)).toEqual(address)
  expect(parseAddress(formatAddress(address))).toEqual(address)
})

test.each(['', 'host', 'host:', '::1:4318', '127.0.0.1:65536', 'http://localhost:80', '1:2:3'])(
  'no address: %j',
  (text) => {
    expect(() => parseAddress(text)).toThrow('Expected host:port')
  },
)

test('a wildcard host is reached as loopback', () => {
  expect(urlOf({ host: '0.0.0.0', port: 1 })).toBe('http://127.0.0.1:1')
  expect(urlOf({ host: '::1', port: 1 })).toBe('http://[::1]:1')
})

test.each([
  ['1', 1],
  ['1024', 1024],
  ['1.5KiB', 1536],
  ['512MiB', 512 * 2 ** 20],
  ['20GB', 20e9],
  ['2 TiB', 2 * 2 ** 40],
])('size %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test.each(['', '0', '0.4', '0GB', '-1', 'GB', '1XB', '1e3'])('no size: %j', (text) => {
  expect(() => parseBytes(text)).toThrow('Expected a size')
})

test('a disk limit is a part of the volume or a size', () => {
  expect(parseDiskLimit('80%')).toEqual({ fraction: 0.8 })
  expect(parseDiskLimit('200GB')).toEqual({ bytes: 200e9 })
  expect(() => parseDiskLimit('0%')).toThrow('percentage')
  expect(() => parseDiskLimit('101%')).toThrow('percentage')
})

test('URLs of ClickHouse: commas and repetition add, the default gives way', () => {
  const first = parseUrls('https://a:8443, https://b:8443', standardUrls)
  expect(first).toEqual(['https://a:8443', 'https://b:8443'])
  expect(parseUrls('http://[::1]:8123', first)).toEqual([...first, 'http://[::1]:8123'])
})

test.each(['', 'a:8123', 'clickhouse://a', 'http://', 'http://a/path', 'http://a?user=b', 'http://a,', 'http://u:p@a'])(
  'no URL of ClickHouse: %j',
  (text) => {
    expect(() => parseUrls(text)).toThrow(/Expected http|WEFT_CLICKHOUSE_PASSWORD/)
  },
)

test('days', () => {
  expect(parseDays('7d')).toBe(7)
  expect(parseDays('30')).toBe(30)
  expect(() => parseDays('0')).toThrow('at least 1')
  expect(() => parseDays('7h')).toThrow('at least 1')
})

test('seconds', () => {
  expect(parseSeconds('0')).toBe(0)
  expect(parseSeconds('10s')).toBe(10)
  for (const text of ['', '1m', '-1', '3601']) expect(() => parseSeconds(text)).toThrow('Expected a number of seconds')
})

test.each([
  ['true', true],
  ['ON', true],
  ['1', true],
  ['false', false],
  ['0', false],
  ['', false],
])('a switch in a variable: %j', (text, on) => {
  expect(parseSwitch(text)).toBe(on)
  vi.stubEnv('WEFT_SELF_TRACE', text)
  try {
    const parsed = (...words: string[]) => new Command().addOption(selfTrace()).parse(words, { from: 'user' }).opts()
    expect(parsed()).toEqual({ selfTrace: on })
    expect(parsed('--self-trace')).toEqual({ selfTrace: true })
  } finally {
    vi.unstubAllEnvs()
  }
})

test('a switch of Kafka in a variable is read as one', () => {
  vi.stubEnv('WEFT_KAFKA_TLS', 'false')
  try {
    const parsed = (...words: string[]) => addKafkaOptions(new Command()).parse(words, { from: 'user' }).opts()
    expect(parsed()).toMatchObject({ kafkaTls: false })
    expect(parsed('--kafka-tls')).toMatchObject({ kafkaTls: true })
    vi.stubEnv('WEFT_KAFKA_TLS', 'true')
    expect(parsed()).toMatchObject({ kafkaTls: true })
  } finally {
    vi.unstubAllEnvs()
  }
})

test('a switch is nothing else', () => {
  expect(() => parseSwitch('maybe')).toThrow('Expected true or false')
})

test('flags handed on to a role are read back as they were', () => {
  expect(
    flagsOf({
      otlpHttp: { host: '::1', port: 1 },
      data: '/srv/weft',
      queueSize: 5,
      selfTrace: true,
      other: false,
      basePath: '',
      allowedHost: ['a', 'b'],
    }),
  ).toEqual(
    '--otlp-http [::1]:1 --data /srv/weft --queue-size 5 --self-trace --allowed-host a --allowed-host b'.split(' '),
  )
})
