import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { TracesAnswer } from '../query-api/types.ts'
import { describeWithKafka } from './kafka/testing.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The commands of a section, as somebody would copy them, one block after another. */
function commandsOf(page: string, section: string): string {
  const text = readFileSync(join(root, page), 'utf8')
  const from = text.indexOf(`\n## ${section}`)
  const part = text.slice(from, text.indexOf('\n## ', from + 1))
  return [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block).join('\n')
}

// On the very ports that the page names.
describeWithKafka('Kafka: docs/cluster.md, by hand', () => {
  test('followed literally, ends with the trace of a program, and with nothing left running', async () => {
    const commands = commandsOf('docs/cluster.md', 'By hand').replace('npm ci\n', '')
    try {
      const { code, out, err } = await bash(commands)
      process.stdout.write(out)
      expect(code, err).toBe(0)
      expect(out.match(/^\{"ok":true\}$/gm), err).toHaveLength(4)
      expect(out).toMatch(/^paid$/m)
      const answer = JSON.parse(/^\{"start":.*$/m.exec(out)?.[0] ?? '{}') as TracesAnswer
      expect(answer.traces).toMatchObject([{ rootService: 'shop', rootName: 'GET', spanCount: 3 }])
      const sum = (name: string) =>
        [...out.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce(
          (sum, [, value]) => sum + Number(value),
          0,
        )
      expect(sum('weft_queue_partitions')).toBe(4)
      expect(out).toMatch(/^weft_queue_lag_records\{/m)
      expect(sum('weft_queue_lag_records')).toBe(0)
    } finally {
      rmSync(join(root, 'weft-data/cluster'), { recursive: true, force: true })
    }
  })
})

/** Runs them in a process group of its own, which is ended when the shell has. */
async function bash(commands: string): Promise<{ code: number | null; out: string; err: string }> {
  const shell = spawn('bash', ['-eu', '-c', commands], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  shell.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => {
    const tooLong = setTimeout(() => process.kill(-(shell.pid ?? 0), 'SIGKILL'), 180_000)
    shell.once('exit', (code) => {
      clearTimeout(tooLong)
      resolve(code)
    })
  })
  try {
    process.kill(-(shell.pid ?? 0), 'SIGKILL')
    err += '\nprocesses were left running'
    return { code: code === 0 ? null : code, out, err }
  } catch {
    // Nobody is left in the group.
    return { code, out, err }
  }
}
