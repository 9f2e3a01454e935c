import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { keptFolder } from '../../../test/kept.ts'
import { type ReceivedSpan, startReceiver } from './receiver.ts'

const programs = fileURLToPath(new URL('programs/libraries/', import.meta.url))
const agent = new URL('../src/register.ts', import.meta.url).href

/** What the programs run with: the newest major versions of what the agent knows, or the ones before. */
export type Generation = 'newest' | 'older'

/** Runs one of `programs/libraries` with the agent, and returns the spans that it sent. It has to end with 0. */
export async function spansOf(
  generation: Generation,
  program: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ spans: ReceivedSpan[]; out: string }> {
  const receiver = await startReceiver()
  const folder = await mkdtemp(join(tmpdir(), 'weft-libraries-'))
  try {
    await cp(programs, folder, { recursive: true })
    await cp(join(programs, generation, 'package.json'), join(folder, 'package.json'))
    await symlink(await installed(generation), join(folder, 'node_modules'))
    const child = spawn(process.execPath, ['--import', agent, program], {
      cwd: folder,
      env: { PATH: process.env['PATH'], OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, NODE_ENV: 'test', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (part: Buffer) => (out += part.toString()))
    child.stderr.on('data', (part: Buffer) => (err += part.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    // The frameworks tell errors there, too.
    expect([code, err.match(/^weft .*/m)?.[0]], err).toEqual([0, undefined])
    return { spans: receiver.spans, out }
  } finally {
    await receiver.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The folder of the packages, which npm brings the first time. */
async function installed(generation: Generation): Promise<string> {
  const manifest = join(programs, generation, 'package.json')
  const version = createHash('sha256')
    .update(await readFile(manifest))
    .digest('hex')
    .slice(0, 12)
  const folder = await keptFolder(join(tmpdir(), `weft-libraries-${generation}-${version}`), async (unborn) => {
    await cp(manifest, join(unborn, 'package.json'))
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: unborn })
  })
  return join(folder, 'node_modules')
}
