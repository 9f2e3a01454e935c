import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Request } from '../otlp/request.ts'
import type { Receiver } from './sender.ts'

/** What `last-words-sender` reads from its input: a line of JSON, then the bodies. */
export interface LastWords extends Pick<Receiver, 'protocol' | 'headers' | 'gzip'> {
  readonly url: string
  /** PEM, in base64. */
  readonly tls: Readonly<Record<string, string>>
  readonly withinMs: number
  readonly lengths: readonly number[]
}

/**
 * Sends what is left while the process exits. Nothing asynchronous happens any more then, so another process does it, and
 * this one waits for it, for `withinMs` at most. Returns whether all was taken.
 */
export function sendLastWords(requests: readonly Request[], receiver: Receiver, withinMs: number): boolean {
  const { protocol, url, headers, gzip, tls } = receiver
  const words: LastWords = {
    protocol,
    url: url.href,
    headers,
    gzip,
    tls: Object.fromEntries(Object.entries(tls).map(([key, pem]: [string, Buffer]) => [key, pem.toString('base64')])),
    withinMs,
    lengths: requests.map(({ body }) => body.length),
  }
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const sender = fileURLToPath(new URL(`last-words-sender${extension}`, import.meta.url))
  // Without the program's own options: the agent must not start in there.
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status } = spawnSync(process.execPath, [sender], {
    env,
    input: Buffer.concat([Buffer.from(`${JSON.stringify(words)}\n`), ...requests.map(({ body }) => body)]),
    stdio: ['pipe', 'ignore', 'ignore'],
    timeout: withinMs + 500,
    windowsHide: true,
  })
  return status === 0
}
