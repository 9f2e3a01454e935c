import { expect, test } from 'vitest'
import { crash, told } from './crash.ts'

test('kill -9 of collector, ingest and store under load: each acknowledged span is stored once', async () => {
  const verdict = await crash({
    roles: ['collector', 'ingest', 'store'],
    kills: 3,
    everyMs: [1_000, 1_500],
    rate: 2_000,
  })
  told('kill -9, once each', verdict)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
  expect(verdict.acknowledged).toBeGreaterThan(1_000)
})
