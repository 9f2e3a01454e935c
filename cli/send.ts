import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { type Address, urlOf } from './address.ts'

/**
 * Posts each file as one OTLP/HTTP trace request, as it is. The encoding follows the name (`.gz`, `.zst`, `.zstd`; also
 * before a last `.bin`), the content type the name (`json`) or else the first byte. One line a file.
 *
 * @returns the exit code: 0 when all were taken whole.
 */
export async function send(files: readonly string[], collector: Address): Promise<number> {
  let failed = 0
  for (const file of files) {
    try {
      const body = await readFile(file)
      const name = basename(file).replace(/\.bin$/, '')
      const encoding = name.endsWith('.gz') ? 'gzip' : /\.zstd?$/.test(name) ? 'zstd' : undefined
      const json = /json/.test(name) || (encoding === undefined && body[0] === 0x7b)
      const response = await fetch(`${urlOf(collector)}/v1/traces`, {
        method: 'POST',
        headers: {
          'content-type': json ? 'application/json' : 'application/x-protobuf',
          ...(encoding ? { 'content-encoding': encoding } : {}),
        },
        body,
      })
      const answer = Buffer.from(await response.arrayBuffer())
      const whole = response.status === 200 && (answer.length === 0 || answer.toString() === '{}')
      if (!whole) failed++
      process.stdout.write(`${file}: ${response.status}${whole ? '' : ` ${printable(answer)}`}\n`)
    } catch (error) {
      failed++
      const cause = error instanceof Error && error.cause ? error.cause : error
      process.stdout.write(`${file}: ${messageOf(cause)}\n`)
    }
  }
  return failed === 0 ? 0 : 1
}

/** The readable part of an answer: a protobuf Status holds its message as text among a few control bytes. */
function printable(answer: Buffer): string {
  return answer
    .toString('utf8')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
}
