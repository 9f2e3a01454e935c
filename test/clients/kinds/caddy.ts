import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freePort } from '../../free-port.ts'
import { eventually, type RunningWeft } from '../../weft.ts'
import { clientVariables, serviceName } from '../program.ts'
import { attributesOf, stored } from '../story.ts'
import type { Client, Protocol, RunningClient } from '../client.ts'
import { goProgram, programFolder, whyNoGo } from '../tools.ts'

let program = ''
const caller = 'b7ad6b7169203331'

export const caddy: Client = {
  name: 'Caddy',
  protocols: ['grpc', 'http/protobuf'],
  missing: await whyNoGo('caddy'),
  async prepare() {
    program = await goProgram('caddy')
  },
  start: startCaddy,
  async story(caddy, weft) {
    const trace = await expectProxied(await caddy.trace('checkout?box=3'), weft, '/checkout')
    for (const span of trace.spans) {
      expect(attributesOf(span.attributes)).toMatchObject({
        shelf: { stringValue: 'B 3' },
        'http.request.method': { stringValue: 'GET' },
        'http.response.status_code': { intValue: '200' },
      })
    }
    const broken = await expectProxied(await caddy.trace('checkout/broken'), weft, '/checkout/broken')
    expect(broken.spans.map(({ status }) => status.code)).toEqual([2, 2])
  },
}

/** The two sites' spans, under a caller that sends none. */
async function expectProxied(traceId: string, weft: RunningWeft, path: string) {
  const trace = await stored(weft, traceId, 2)
  const [front, back] = trace.spans
  const same = { name: `GET ${path}`, kind: 2, service: serviceName, traceState: 'vendor=x' }
  expect(front).toMatchObject({ ...same, parentSpanId: caller, missingParent: true })
  expect(back).toMatchObject({ ...same, parentSpanId: front?.spanId, missingParent: false })
  expect(attributesOf(trace.resources[0]?.attributes)).toMatchObject({
    'service.name': { stringValue: serviceName },
    'webengine.name': { stringValue: 'Caddy' },
    'deployment.environment.name': { stringValue: 'süd' },
  })
  return trace
}

async function startCaddy(protocol: Protocol, endpoint: string, timeoutSeconds?: number): Promise<RunningClient> {
  const [front, back] = [await freePort(), await freePort()]
  const config = join(programFolder('caddy'), 'Caddyfile')
  const child = spawn(program, ['run', '--adapter', 'caddyfile', '--config', config], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...clientVariables('deploy/mesh/caddy/Caddyfile', protocol, endpoint, timeoutSeconds),
      FRONT: String(front),
      BACK: String(back),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = once(child, 'close')
  await eventually(() => err.includes('serving initial configuration'))
  return {
    async trace(path) {
      const traceId = randomBytes(16).toString('hex')
      const headers = { traceparent: `00-${traceId}-${caller}-01`, tracestate: 'vendor=x' }
      const port = path.startsWith('checkout') ? front : back
      await (await fetch(`http://127.0.0.1:${port}/${path}`, { headers })).text()
      return traceId
    },
    async end() {
      child.kill('SIGTERM')
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    stderr: () => err,
  }
}
