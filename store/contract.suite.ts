import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Nanos } from '../base/units.ts'
import type { Store } from './client.ts'
import type { Block, Query, Table } from './contract.ts'
import { someSpans } from './embedded/spans-for-test.ts'
import { latestVersion } from './schema/migrate.ts'

/** A store whose tables are made, and a ClickHouse to ask directly. */
export interface StoreUnderTest {
  readonly store: Store
  /** The answer of any SELECT as ClickHouse gives it, in a format. */
  ask(sql: string, format?: string): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

const within = () => AbortSignal.timeout(30_000)

/** What every BlockWriter and Reader does, wherever its ClickHouse is. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await open()
    })
    afterAll(() => under?.close())

    const text = async (sql: string) => new TextDecoder().decode(await under.ask(sql, 'TabSeparated')).trimEnd()
    const blockOf = async (table: Table, sql: string): Promise<Block> => {
      const bytes = await under.ask(sql, 'Native')
      const chunks: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += 50_000) chunks.push(bytes.subarray(at, at + 50_000))
      return { table, rows: Number(await text(`SELECT count() FROM (${sql})`)), chunks }
    }
    /** A log of its own for each test: nothing of another one is seen. */
    const newSource = () => ({ topic: 'otlp_spans', partition: 0, logId: `log-${randomUUID()}` })
    const newToken = () => `token-${randomUUID()}`

    describe('BlockWriter', () => {
      test('a block is stored, once under its token, however often and at the same time', async () => {
        const { writer } = under.store
        const at = newSource()
        const block = await blockOf('spans', someSpans(3_000, { log: at.logId }))
        const token = newToken()
        await Promise.all([1, 2, 3].map(() => writer.insert(block, token, within())))
        await writer.insert(block, token, within())
        expect(await writer.stored(at, 0n, 100n, within())).toBe(3_000n)
        await writer.insert(block, newToken(), within())
        expect(await writer.stored(at, 0n, 100n, within())).toBe(6_000n)
      })

      test('every column comes back as it was', async () => {
        const at = newSource()
        const sql = someSpans(2_000, { log: at.logId, seed: 7 })
        const head = new TextDecoder().decode(await under.ask(`SELECT * FROM (${sql}) LIMIT 0`, 'TSVWithNames'))
        const columns = head.trimEnd().replaceAll('\t', ', ')
        await under.store.writer.insert(await blockOf('spans', sql), newToken(), within())
        const hash = `SELECT count(), sum(cityHash64(${columns}))`
        expect(await text(`${hash} FROM weft.spans WHERE _queue_log = '${at.logId}'`)).toBe(
          await text(`${hash} FROM (${sql})`),
        )
      })

      test('tells what is stored of a range, up to where, and which requests', async () => {
        const { writer } = under.store
        const at = newSource()
        expect(await writer.highest(at, within())).toBeUndefined()
        expect(await writer.stored(at, 0n, 1n << 60n, within())).toBe(0n)
        await writer.insert(
          await blockOf('spans', someSpans(2_000, { log: at.logId, offset: 100 })),
          newToken(),
          within(),
        )
        expect(await writer.highest(at, within())).toBe(103n)
        expect(await writer.stored(at, 100n, 103n, within())).toBe(2_000n)
        expect(await writer.stored(at, 101n, 102n, within())).toBe(1_024n)
        expect(await writer.stored({ ...at, partition: 1 }, 100n, 103n, within())).toBe(0n)
        const since = 1_767_300_000_000_000_000n as Nanos
        const requests = await writer.recentRequests(at, since, 0n, 1_000n, within())
        expect(requests.map(({ offset }) => offset)).toEqual([100n, 101n, 102n, 103n])
        const some = await writer.recentRequests(at, since, 101n, 102n, within())
        expect(some.map(({ offset }) => offset)).toEqual([101n, 102n])
        const later = (since + 100_000_000_000_000n) as Nanos
        expect(await writer.recentRequests(at, later, 0n, 1_000n, within())).toEqual([])
      })

      test('resources and records set aside have tables, too', async () => {
        const { writer } = under.store
        const logId = randomUUID()
        const origin = `toDateTime64('2026-01-02 00:00:01', 9, 'UTC') AS received_at, '${logId}' AS _queue_log`
        const resource = `SELECT 'default' AS tenant, toUInt64(1) AS resource_id, 'shop' AS service, ${origin}`
        const aside = `SELECT 'default' AS tenant, 'traces' AS signal, 'odd' AS reason, ${origin}`
        for (const [table, sql] of [
          ['resources', resource],
          ['set_aside', aside],
        ] as const) {
          const token = newToken()
          await writer.insert(await blockOf(table, sql), token, within())
          await writer.insert(await blockOf(table, sql), token, within())
          expect(await text(`SELECT count() FROM weft.${table} WHERE _queue_log = '${logId}'`), table).toBe('1')
        }
      })

      test('what is no block is BAD_INPUT, and nothing of it is stored', async () => {
        const { writer } = under.store
        const at = newSource()
        const block = await blockOf('spans', someSpans(3_000, { log: at.logId }))
        const cut = { ...block, chunks: block.chunks.slice(0, 2) }
        await expect(writer.insert(cut, newToken(), within())).rejects.toMatchObject({ code: 'BAD_INPUT' })
        const noise = { ...block, chunks: [new Uint8Array(1_000).fill(0xff)] }
        await expect(writer.insert(noise, newToken(), within())).rejects.toMatchObject({ code: 'BAD_INPUT' })
        expect(await writer.stored(at, 0n, 100n, within())).toBe(0n)
      })

      test('who has given up is not waited for', async () => {
        const block = await blockOf('spans', someSpans(1))
        const given = under.store.writer.insert(block, newToken(), AbortSignal.abort())
        await expect(given).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true })
      })
    })

    describe('Reader', () => {
      const limits = { maxRows: 1_000_000, maxBytes: 100_000_000, timeoutMs: 10_000 }
      const rowsOf = async (sql: string, given: Partial<Query<unknown>> = {}, signal = within()) => {
        const query = { name: 'test', sql, params: {}, limits, decode: (row: readonly unknown[]) => row, ...given }
        const found: unknown[] = []
        for await (const rows of under.store.reader.select(query, signal)) found.push(...rows)
        return found
      }

      test('rows in order, values as the contract says, parameters bound', async () => {
        const rows = await rowsOf(`SELECT number, repeat('x', number % 300) FROM numbers(50000)`)
        expect(rows).toHaveLength(50_000)
        expect(rows.every((row, i) => (row as readonly [string, string])[0] === String(i))).toBe(true)
        const params = { s: `'; DROP TABLE spans; --\\`, n: 18446744073709551615n, l: [`a'b`, 'c\\'] }
        expect(await rowsOf(`SELECT {s:String}, {n:UInt64}, {l:Array(String)}, nan, NULL, true`, { params })).toEqual([
          [params.s, '18446744073709551615', params.l, 'nan', null, true],
        ])
        expect(await rowsOf('SELECT 1 WHERE 0')).toEqual([])
      })

      test.each([
        ['too many rows', 'SELECT number FROM numbers(100000)', { limits: { ...limits, maxRows: 10 } }, 'OVERLOADED'],
        ['too much memory', 'SELECT groupArray(number) FROM numbers(3000000000)', {}, 'OVERLOADED'],
        [
          'too long',
          'SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 1',
          { limits: { ...limits, timeoutMs: 200 } },
          'TIMEOUT',
        ],
        ['a wrong statement', 'SELECT nope', {}, 'BUG'],
        ['no such table', 'SELECT 1 FROM nope', {}, 'UNAVAILABLE'],
        ['a bad value', `SELECT match('x', materialize('('))`, {}, 'BAD_INPUT'],
      ] as const)('%s', async (_, sql, given, code) => {
        await expect(rowsOf(sql, given)).rejects.toMatchObject({ name: 'AppError', code })
      })

      test('who has given up is told so, and asks nothing', async () => {
        await expect(rowsOf('SELECT 1', {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      })

      test('answers pings', async () => {
        expect(await under.store.reader.ping(within())).toEqual({ ok: true })
      })

      test('its system tables are those of the whole store', async () => {
        const sql = `SELECT count() > 0 FROM ${under.store.reader.systemTable('parts')} WHERE database = 'weft'`
        expect(await rowsOf(sql)).toEqual([[1]])
      })
    })

    test('Schema: the tables are there, and making them again changes nothing', async () => {
      const { schema } = under.store
      expect(await schema.current()).toBe(latestVersion)
      const tables = () => text(`SELECT name, engine FROM system.tables WHERE database = 'weft' ORDER BY name`)
      const before = await tables()
      await schema.migrate(latestVersion, within())
      await schema.migrate(latestVersion, within(), true)
      expect(await tables()).toBe(before)
      expect(await text('SELECT count() FROM weft.schema_versions')).toBe(String(latestVersion))
    })
  })
}
