import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { resourceOf } from './resource.ts'

const agent = { version: '1.2.3' }
const nothing = { serviceName: undefined, resource: {} }
const [, script] = process.argv
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-resource-'))
  process.argv[1] = join(folder, 'app.js')
})
afterEach(() => {
  if (script !== undefined) process.argv[1] = script
  rmSync(folder, { recursive: true, force: true })
})
const packageJson = (content: string): void => writeFileSync(join(folder, 'package.json'), content)

test('the service is the package, and its version', () => {
  packageJson(JSON.stringify({ name: '@shop/cart', version: '4.5.6', gitHead: 'abc' }))
  expect(resourceOf({}, nothing, agent)).toMatchObject({
    'service.name': '@shop/cart',
    'service.version': '4.5.6',
    'vcs.ref.head.revision': 'abc',
    'telemetry.sdk.name': 'weft-node',
    'telemetry.sdk.version': '1.2.3',
    'process.pid': process.pid,
    'process.runtime.version': process.versions.node,
  })
})

test.each(['{', 'null', '[]', '{"name": 1}', '{"name": ""}'])('a package.json that is %s is none', (content) => {
  packageJson(content)
  expect(resourceOf({}, nothing, agent)['service.name']).toBe('unknown_service:node')
})

test('what is given wins, and OTEL_SERVICE_NAME over all', () => {
  packageJson(JSON.stringify({ name: 'cart', version: '1' }))
  const given = {
    serviceName: 'named',
    resource: { 'service.name': 'other', 'service.version': '2', 'host.name': 'h' },
  }
  expect(resourceOf({ GITHUB_SHA: 'f00' }, given, agent)).toMatchObject({
    'service.name': 'named',
    'service.version': '2',
    'host.name': 'h',
    'vcs.ref.head.revision': 'f00',
  })
})

test('Kubernetes is told where it is Kubernetes', () => {
  const pod = { POD_NAME: 'cart-1', POD_NAMESPACE: 'shop', NODE_NAME: 'n1', POD_UID: 'u', HOSTNAME: 'h' }
  expect(resourceOf(pod, nothing, agent)).not.toHaveProperty('k8s.pod.name')
  expect(resourceOf({ ...pod, KUBERNETES_SERVICE_HOST: '10.0.0.1' }, nothing, agent)).toMatchObject({
    'k8s.pod.name': 'cart-1',
    'k8s.namespace.name': 'shop',
    'k8s.node.name': 'n1',
    'k8s.pod.uid': 'u',
  })
  const bare = resourceOf({ KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'cart-2' }, nothing, agent)
  expect(bare['k8s.pod.name']).toBe('cart-2')
})

test('nothing is told of the arguments, and nothing that is not known', () => {
  const all = resourceOf({}, nothing, agent)
  expect(all).not.toHaveProperty('process.command_args')
  expect(Object.values(all)).not.toContain(undefined)
})
