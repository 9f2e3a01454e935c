import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reader } from '../../store/contract.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi } from '../testing.ts'

const nothing: Reader = {
  ping: async () => ({ ok: true }),
  systemTable: (name) => `system.${name}`,
  async *select() {
    yield []
  },
}
let folder: string
let api: QueryApi & { url: string }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-ui-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><head><base href="/" /></head>')
  await writeFile(join(folder, 'assets', 'index-abc.js'), 'let x')
  await writeFile(join(folder, 'assets', 'index-abc.js.gz'), gzipSync('let x'))
  await writeFile(join(folder, 'icon.svg'), '<svg/>')
  await writeFile(join(folder, '..', 'weft-outside.txt'), 'secret')
  await mkdir(join(folder, 'pack'))
  api = await openQueryApi({
    reader: nothing,
    uiFolder: folder,
    agentFolder: join(folder, 'pack'),
    basePath: '/weft',
  })
})
afterAll(async () => {
  await api.close(AbortSignal.timeout(5000))
  await rm(folder, { recursive: true })
})

describe('the UI', () => {
  test.each(['/weft', '/weft/', '/weft/trace/0102', '/weft/services?start=now-1h', '/', '/index.html'])(
    '%s is the page, below its base path, never kept',
    async (path) => {
      const response = await fetch(api.url + path)
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('<base href="/weft/" />')
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(response.headers.get('cache-control')).toBe('no-cache')
      expect(response.headers.get('content-security-policy')).toContain("script-src 'self'")
    },
  )
  test('its built files are kept for ever, the others not', async () => {
    const script = await fetch(`${api.url}/weft/assets/index-abc.js`)
    expect(script.headers.get('content-type')).toContain('javascript')
    expect(script.headers.get('cache-control')).toContain('immutable')
    expect((await fetch(`${api.url}/weft/icon.svg`)).headers.get('cache-control')).toBe('no-cache')
  })
  test.each([
    ['gzip', 'gzip'],
    ['identity', null],
  ])('its scripts are sent compressed to who takes that: %s', async (accepted, sent) => {
    const script = await fetch(`${api.url}/weft/assets/index-abc.js`, { headers: { 'accept-encoding': accepted } })
    expect(script.headers.get('content-encoding')).toBe(sent)
    expect(script.headers.get('content-type')).toContain('javascript')
    expect(script.headers.get('vary')).toContain('accept-encoding')
    expect(await script.text()).toBe('let x')
  })
  test.each(['/weft/assets/missing.js', '/weft/api/missing', '/api', '/metrics/x'])(
    '%s is 404, not the page',
    async (path) => {
      const response = await fetch(api.url + path)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ error: { code: 'NOT_FOUND' } })
    },
  )
  test.each(['/assets/..%2f..%2fweft-outside.txt', '/..%2fweft-outside.txt', '/assets/%2e%2e/%2e%2e/weft-outside.txt'])(
    '%s does not leave the folder',
    async (path) => expect(await (await fetch(api.url + path)).text()).not.toContain('secret'),
  )
  test('a POST to a view is 404', async () => {
    expect((await fetch(`${api.url}/weft/trace/1`, { method: 'POST' })).status).toBe(404)
  })
})

test('without a built page the API works, and says what to do', async () => {
  const bare = await openQueryApi({ reader: nothing, uiFolder: join(folder, 'nowhere') })
  expect((await fetch(`${bare.url}/api/config`)).status).toBe(200)
  const page = await fetch(`${bare.url}/`)
  expect(page.status).toBe(404)
  expect(await page.text()).toContain('npm run build')
  await bare.close(AbortSignal.timeout(5000))
})

test('the packed agent is there for npm install, once it is built', async () => {
  const missing = await fetch(`${api.url}/weft/agents/node.tgz`)
  expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('npm run build')])
  await writeFile(join(folder, 'pack', 'weft-node-1.2.3.tgz'), 'packed')
  const packed = await fetch(`${api.url}/weft/agents/node.tgz`)
  expect(packed.status).toBe(200)
  expect(packed.headers.get('content-type')).toBe('application/gzip')
  expect(packed.headers.get('content-disposition')).toContain('weft-node-1.2.3.tgz')
  expect(await packed.text()).toBe('packed')
})
