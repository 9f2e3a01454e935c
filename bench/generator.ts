import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadResult } from './load/load.ts'

export type Sent = Omit<LoadResult, 'truth'>

/** `bench/load` in a process of its own; its options are those of its command line. Rejects when a request failed for good. */
export async function sendLoad(options: Readonly<Record<string, string | number>>): Promise<Sent> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, [fileURLToPath(new URL('load/main.ts', import.meta.url)), '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the load generator ended with ${code}: ${text.slice(0, 500)}`)
  return JSON.parse(text) as Sent
}

/** What the targets are about: 512 spans of one resource a request, 14 attributes a span. */
export const benchBodies = { attributes: 'bench', instances: 1, size: 512 } as const
