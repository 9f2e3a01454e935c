import { mkdtempSync, rmSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('one holder at a time, and free again after release', async () => {
  const lock = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toThrow('in use by another weft')
  lock.release()
  const again = await lockFolder(folder)
  again.release()
})

test('makes the folder', async () => {
  const lock = await lockFolder(join(folder, 'a', 'b'))
  lock.release()
})

test('a folder that cannot be made is said in one line with its name', async () => {
  await expect(lockFolder('/dev/null/weft')).rejects.toThrow('cannot write to the data folder /dev/null/weft')
})

test('a holder that was killed leaves the folder free', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { lockFolder } = await import(${JSON.stringify(new URL('lock.ts', import.meta.url).href)})
       await lockFolder(${JSON.stringify(folder)})
       console.log('locked')
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  await expect(lockFolder(folder)).rejects.toThrow('in use')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await lockFolder(folder)
  lock.release()
})
