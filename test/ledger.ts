import { readFileSync } from 'node:fs'
import type { RunningWeft } from './weft.ts'
import { eventually } from './weft.ts'

/** What became of the spans that were sent with a key each. */
export interface Verdict {
  readonly acknowledged: number
  /** Keys in the store; those beyond the acknowledged ones had no answer (0 or 1 time each is right for them). */
  readonly stored: number
  readonly doubled: number
  readonly lost: number
}

/** Runs a read-only query at the store's HTTP interface; rows of tab-separated columns. */
export async function sql(weft: Pick<RunningWeft, 'clickhouse'>, query: string): Promise<string[][]> {
  const response = await fetch(weft.clickhouse, { method: 'POST', body: `${query} FORMAT TabSeparated` })
  const text = await response.text()
  if (response.status !== 200) throw new Error(text)
  return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]))
}

/** The sum of a metric over all roles and labels. */
export async function metric(weft: RunningWeft, name: string): Promise<number> {
  const text = await (await fetch(`${weft.api}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  if (lines.length === 0) throw new Error(`${name} is not told`)
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Waits until nothing is queued and two counts agree, then holds the store to the ledger. */
export async function judge(weft: RunningWeft, ledger: string, withinMs = 120_000): Promise<Verdict> {
  await eventually(async () => (await metric(weft, 'weft_queue_lag_items')) === 0, withinMs)
  return compare(weft, ledger, withinMs)
}

/** Holds the store to the ledger, once its count does not change any more. */
export async function compare(
  weft: Pick<RunningWeft, 'clickhouse'>,
  ledger: string,
  withinMs = 120_000,
): Promise<Verdict> {
  const count = async () => (await sql(weft, 'SELECT count() FROM weft.spans'))[0]?.[0]
  let before = await count()
  await eventually(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const now = await count()
    const same = now === before
    before = now
    return same
  }, withinMs)
  const stored = new Map<string, number>()
  const rows = await sql(
    weft,
    `SELECT attributes_string['ledger.key'] AS key, count() FROM weft.spans WHERE key != '' GROUP BY key`,
  )
  for (const [key, copies] of rows) stored.set(key ?? '', Number(copies))
  const acknowledged = readFileSync(ledger, 'utf8').split('\n').filter(Boolean)
  return {
    acknowledged: new Set(acknowledged).size,
    stored: stored.size,
    doubled: [...stored.values()].filter((copies) => copies > 1).length,
    lost: acknowledged.filter((key) => !stored.has(key)).length,
  }
}
