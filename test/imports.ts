/**
 * Who may import whom, as one table: the folder list reads as the data's way, and an import goes only along it.
 * Run by `npm run check:imports`; prints each import that leaves the table and exits 1.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'

/** For each room, the folders or files that its sources may import. Its own folder is always allowed. */
const table: Readonly<Record<string, readonly string[]>> = {
  base: [],
  otlp: ['base'],
  collector: ['base', 'otlp', 'queue/contract.ts', 'queue/request-id.ts'],
  queue: ['base'],
  ingest: ['base', 'otlp', 'queue/contract.ts', 'store/contract.ts', 'store/schema'],
  store: ['base'],
  rollup: ['base', 'store/contract.ts', 'store/schema'],
  'query-api': ['base', 'otlp', 'store/contract.ts', 'store/schema', 'rollup'],
  ui: ['query-api/types.ts', 'docs/getting-started', 'deploy/mesh'],
  'agents/node/src': [],
  demo: [],
  cli: ['base', 'otlp', 'collector', 'queue', 'ingest', 'store', 'rollup', 'query-api'],
}

/** Tests and benches look at a room from outside, with whatever they need for it. */
const looksFromOutside = /(\.test\.tsx?|\.suite\.ts|\.bench\.ts|\/testing\.ts|\/(browser|truth)\/.*)$/

const importing = /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g

const wrong: string[] = []
for (const [room, allowed] of Object.entries(table)) {
  for (const file of globSync(`${room}/**/*.{ts,tsx,js}`, { exclude: (name) => /node_modules|dist$/.test(name) })) {
    const path = file.split(sep).join('/')
    if (looksFromOutside.test(path)) continue
    for (const match of readFileSync(file, 'utf8').matchAll(importing)) {
      const specifier = match[1] ?? match[2] ?? ''
      if (!specifier.startsWith('.')) continue
      const target = normalize(join(dirname(path), specifier))
        .split(sep)
        .join('/')
      const inside = (place: string) => target === place || target.startsWith(`${place}/`)
      if (!inside(room) && !allowed.some(inside))
        wrong.push(`${path} imports ${target}; ${room} may import ${allowed.join(', ') || 'nothing'}`)
    }
  }
}
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join('\n')}\n`)
  process.exit(1)
}
