import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { behaviourTable } from './behaviour.ts'

test("the table of docs/clients.md is what the clients' tests assert", () => {
  const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('| -'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  expect(rows).toEqual(behaviourTable())
})
