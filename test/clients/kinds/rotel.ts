import { expect } from 'vitest'
import { installRotel, type Rotel, startRotel } from '../../../bench/rotel.ts'
import {
  encode,
  hexOf,
  type Loose,
  messageOf,
  newSpanId,
  newTraceId,
  post,
  spanOf,
  stringAttribute,
} from '../../requests.ts'
import { attributesOf, stored } from '../story.ts'
import type { Client, Protocol, RunningClient } from '../client.ts'
import { whyNoPython } from '../tools.ts'

let installed: Rotel | undefined
const urls = new WeakMap<RunningClient, string>()

export const rotel: Client = {
  name: 'Rotel',
  protocols: ['grpc', 'http/protobuf'],
  missing: await whyNoPython(),
  async prepare() {
    installed = await installRotel()
  },
  start: startForwarder,
  async story(running, weft) {
    const [traceId, parent, child] = [newTraceId(), newSpanId(), newSpanId()]
    const link = { traceId: newTraceId(), spanId: newSpanId(), traceState: 'a=b', flags: 0x301 }
    const attributes = [
      stringAttribute('text', 'grüße ☂ 😀'),
      { key: 'whole', value: { intValue: '-9223372036854775808' } },
      { key: 'ratio', value: { doubleValue: 0.5 } },
      { key: 'flag', value: { boolValue: true } },
      { key: 'bytes', value: { bytesValue: Buffer.from([0, 255]) } },
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } } },
      { key: 'map', value: { kvlistValue: { values: [stringAttribute('inner', 'x')] } } },
    ]
    const spans = [
      spanOf({ traceId, spanId: parent, name: 'parent', kind: 5, traceState: 'vendor=x', flags: 0x101 }),
      spanOf({
        traceId,
        spanId: child,
        parentSpanId: parent,
        name: 'child',
        kind: 3,
        attributes,
        droppedAttributesCount: 7,
        events: [{ timeUnixNano: '1700000000123456789', name: 'picked', attributes: [stringAttribute('shelf', 'B')] }],
        links: [link],
        status: { code: 2, message: 'out of stock' },
      }),
    ]
    await send(running, spans)
    const trace = await stored(weft, hexOf(traceId), 2)
    expect(trace.spans.find(({ name }) => name === 'parent')).toMatchObject({
      spanId: hexOf(parent),
      parentSpanId: '',
      kind: 5,
      traceState: 'vendor=x',
      flags: 0x101,
      service: 'forwarded',
    })
    const found = trace.spans.find(({ name }) => name === 'child')
    expect(found).toMatchObject({
      spanId: hexOf(child),
      parentSpanId: hexOf(parent),
      kind: 3,
      droppedAttributesCount: 7,
      events: [
        {
          timeUnixNano: '1700000000123456789',
          name: 'picked',
          attributes: [{ key: 'shelf', value: { stringValue: 'B' } }],
        },
      ],
      links: [{ traceId: hexOf(link.traceId), spanId: hexOf(link.spanId), traceState: 'a=b', flags: 0x301 }],
      status: { code: 2, message: 'out of stock' },
    })
    expect(attributesOf(found?.attributes)).toEqual({
      text: { stringValue: 'grüße ☂ 😀' },
      whole: { intValue: '-9223372036854775808' },
      ratio: { doubleValue: 0.5 },
      flag: { boolValue: true },
      bytes: { bytesValue: 'AP8=' },
      list: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } },
      map: { kvlistValue: { values: [{ key: 'inner', value: { stringValue: 'x' } }] } },
    })
  },
}

/** Rotel, which takes OTLP and sends it on. */
async function startForwarder(protocol: Protocol, endpoint: string): Promise<RunningClient> {
  if (!installed) throw new Error('Rotel cannot be installed')
  const exporter = { endpoint, protocol: protocol === 'grpc' ? 'grpc' : 'http', 'retry-initial-backoff': '1s' }
  const flags = Object.entries(exporter).flatMap(([name, value]) => [`--otlp-exporter-${name}`, value])
  const forwarder = await startRotel(installed, ['--exporter', 'otlp', ...flags])
  let ended: Promise<void> | undefined
  const end = () => (ended ??= Promise.resolve(forwarder[Symbol.asyncDispose]()))
  const running: RunningClient = {
    async trace(name) {
      const span = spanOf({ name })
      await send(running, [span])
      return hexOf(span['traceId'] as Buffer)
    },
    end,
    kill: end,
    stderr: () => '',
  }
  urls.set(running, forwarder.url)
  return running
}

async function send(running: RunningClient, spans: readonly Loose[]): Promise<void> {
  const { status } = await post(urls.get(running)!, encode(messageOf('forwarded', spans)))
  expect(status).toBe(200)
}
