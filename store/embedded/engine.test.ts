import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { Engine } from './engine.ts'

test.each(['{1,2}', 'a*', 'what?', '}'])('a folder that the engine would take for a pattern is refused: %s', (name) => {
  const folder = join(tmpdir(), `weft-pattern-${name}`)
  const open = () =>
    new Engine({
      folder,
      database: 'weft',
      maxMemoryBytes: 2 ** 29,
      moreConfig: '',
      sessions: { owner: 1, guest: 1, insert: 1 },
      maxWaitMs: 1_000,
      log: silentLog,
    })
  expect(open).toThrow(`the store's folder ${folder} must not have * ? { or } in its name`)
  expect(existsSync(folder)).toBe(false)
})
