import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { blockOf, fill } from './fill.ts'
import { snippets, type Snippet } from './snippets.ts'

/** The addresses that stand in the files themselves: those of programs, and those of proxies. */
const asWritten = {
  Programs: { http: 'http://127.0.0.1:4318', grpc: 'http://127.0.0.1:4317', ui: 'http://127.0.0.1:4320/' },
  Proxies: { http: 'http://weft:4318', grpc: 'weft:4317', ui: 'http://weft:4320/' },
}
const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')

/** The blocks of code below each heading of a page. */
function blocksBelow(page: string): Map<string, string[]> {
  return new Map(
    page
      .split(/^##+ /m)
      .slice(1)
      .map((section) => [
        /^.*/.exec(section)?.[0] ?? '',
        Array.from(section.matchAll(/^```.*\n([^]*?)\n```$/gm), ([, code = '']) => code),
      ]),
  )
}

const all = Object.entries(asWritten).flatMap(([name, addresses]) =>
  snippets(addresses)
    .filter((group) => group.name === name)
    .flatMap((group) => group.snippets),
)
const codeOf = ({ blocks }: Snippet) => blocks.map(({ code }) => code)

test.each(all)('docs/getting-started.md shows for $name what the first page of the UI shows', (snippet) => {
  expect(blocksBelow(read('docs/getting-started.md')).get(snippet.name)).toEqual(codeOf(snippet))
})

test('the README shows the same for Node.js', () => {
  const blocks = blocksBelow(read('README.md')).get('Send it traces')
  const [first] = all
  expect(blocks).toEqual(first && codeOf(first))
})

describe('with other addresses', () => {
  const other = { http: 'https://weft.example', grpc: 'http://[::1]:14317', ui: 'https://weft.example/ui/' }
  const filled = snippets(other).flatMap((group) => group.snippets)

  // Istio's and Linkerd's name a service of the cluster that they are in.
  test.each(filled.filter(({ name }) => !['Istio', 'Linkerd'].includes(name)))('$name has no others', (snippet) => {
    const code = codeOf(snippet).join('\n')
    expect(code).not.toMatch(/127\.0\.0\.1|\bweft:\d|\b431[78]\b/)
    if (snippet.name !== 'Browser' || code.includes('Exporter(')) expect(code).toMatch(/weft\.example|::1/)
  })

  test.each([
    ['http://127.0.0.1:4318/v1/traces', 'https://weft.example/v1/traces'],
    ['npm install http://127.0.0.1:4320/agents/node.tgz', 'npm install https://weft.example/ui/agents/node.tgz'],
    ['endpoint weft:4317;', 'endpoint [::1]:14317;'],
    ['{ address: weft, port_value: 4317 }', '{ address: "::1", port_value: 14317 }'],
    ['{ "address": "weft", "port_value": 4317 }', '{ "address": "::1", "port_value": 14317 }'],
    ['service: weft-collector.weft.svc.cluster.local', 'service: weft-collector.weft.svc.cluster.local'],
  ])('%s', (text, expected) => {
    expect(fill(text, other)).toBe(expected)
  })

  test('an address for gRPC without scheme or port', () => {
    expect(fill('weft:4317', { ...other, grpc: 'traces.example' })).toBe('traces.example:4317')
    expect(fill('weft:4317', { ...other, grpc: 'traces.example:1' })).toBe('traces.example:1')
  })
})

test('a block of YAML ends where its indentation does', () => {
  const yaml = 'a:\n  - name: b\n    c:\n\n      d: 1\n    e: 2\n  - name: f\n'
  expect(blockOf(yaml, 'c:')).toBe('c:\n\n  d: 1')
  expect(blockOf(yaml, '- name: b')).toBe('- name: b\n  c:\n\n    d: 1\n  e: 2')
  expect(blockOf(yaml, '- name: f')).toBe('- name: f\n')
  expect(() => blockOf(yaml, 'g:')).toThrow('g:')
})
