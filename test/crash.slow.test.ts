import { expect, test } from 'vitest'
import { crash, told } from './crash.ts'
import type { Role } from './weft.ts'

const long = process.env['WEFT_LONG'] === '1'

test.each<[Role, number]>([
  ['collector', long ? 20 : 8],
  ['ingest', long ? 20 : 8],
  ['store', long ? 10 : 5],
])('kill -9 of %s, %i times under load: each acknowledged span is stored once', async (role, kills) => {
  const verdict = await crash({ roles: [role], kills, everyMs: [1_000, 5_000], rate: 2_000 })
  told(`kill -9 of ${role}, ${kills} times`, verdict)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
  expect(verdict.acknowledged).toBeGreaterThan(1_000 * kills)
})

test('kill -9 of all in turn at a high rate', async () => {
  const verdict = await crash({
    roles: ['ingest', 'store', 'collector'],
    kills: long ? 30 : 9,
    everyMs: [200, 2_000],
    rate: 20_000,
  })
  told('kill -9 of all in turn', verdict)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
})
