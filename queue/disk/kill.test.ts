import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { numbered, readAll } from '../contract.suite.ts'
import { DiskLogBench } from './testing.ts'

const child = fileURLToPath(new URL('appending.child.ts', import.meta.url))

/** Runs the appending process, kills it, and returns what was acknowledged. */
async function appendAndKill(folder: string, first: number, ms: number): Promise<number[]> {
  const running = spawn(process.execPath, [child, folder, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  running.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await once(running.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, ms))
  running.kill('SIGKILL')
  await once(running, 'close')
  // The last line may be cut off.
  return output.split('\n').slice(0, -1).map(Number)
}

test('kill -9 of the writer under load loses no acknowledged record, and makes none twice', async () => {
  const bench = new DiskLogBench()
  const acknowledged: number[] = []
  const seen: number[] = []
  let assignment
  let next = 0n
  try {
    for (let round = 0; round < 6; round++) {
      const first = round * 1_000_000
      acknowledged.push(...(await appendAndKill(bench.folder, first, 30 + round * 61)))
      // The reader lives through it all, and consumes in between.
      assignment ??= (await bench.reader()).assignment
      if (round === 5) await bench.writer()
      const read = await readAll(assignment, next, Infinity)
      for (const { offset, body } of read) {
        const number = Buffer.from(body).readUInt32LE()
        expect(Buffer.from(numbered(number, body.length).body).equals(body)).toBe(true)
        expect(offset).toBeGreaterThanOrEqual(next)
        next = offset + 1n
        seen.push(number)
      }
      await assignment.commit(next, `round ${round}`)
    }
    const counts = new Map<number, number>()
    for (const number of seen) counts.set(number, (counts.get(number) ?? 0) + 1)
    expect(acknowledged.length).toBeGreaterThan(100)
    expect(acknowledged.filter((number) => counts.get(number) !== 1)).toEqual([])
    expect(seen.length).toBe(counts.size)
    // Each lane appends in order, and there are eight of them.
    expect(seen.every((number, i) => i === 0 || number > (seen[i - 1] ?? 0) - 16)).toBe(true)
    expect(bench.lines.filter(({ level }) => level === 'error')).toEqual([])
  } finally {
    await bench.destroy()
  }
})
