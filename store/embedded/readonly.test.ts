import { access, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestStore, type TestStore } from './testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore()
})
afterAll(() => store.close())

const outfile = join(tmpdir(), `weft-outfile-${process.pid}`)

async function guest(sql: string, search = ''): Promise<{ status: number; text: string }> {
  const response = await fetch(`${store.url}/?${search}`, { method: 'POST', body: sql })
  return { status: response.status, text: await response.text() }
}

describe('what a guest must not do', () => {
  const attempts: readonly (string | [sql: string, search: string])[] = [
    `INSERT INTO spans VALUES (1)`,
    `INSERT INTO spans FORMAT JSONEachRow {}`,
    `insert into spans select * from spans`,
    `INSERT INTO FUNCTION file('${outfile}') SELECT 1`,
    `DROP TABLE spans`,
    `TRUNCATE TABLE spans`,
    `ALTER TABLE spans DELETE WHERE 1`,
    `CREATE TABLE x (a Int8) ENGINE = Memory`,
    `CREATE TEMPORARY TABLE x (a Int8)`,
    `OPTIMIZE TABLE spans FINAL`,
    `ATTACH TABLE x`,
    `RENAME TABLE spans TO x`,
    `GRANT ALL ON *.* TO default`,
    `KILL QUERY WHERE 1`,
    `SYSTEM SHUTDOWN`,
    `SYSTEM FLUSH LOGS`,
    `USE system`,
    `SET max_memory_usage = 0`,
    `SET readonly = 0`,
    `SET ROLE owner`,
    `SELECT 1 SETTINGS readonly = 0`,
    `SELECT 1 SETTINGS max_memory_usage = 0`,
    [`SELECT 1`, 'max_insert_threads=4'],
    [`SELECT 1`, `format_template_resultset=%2Fetc%2Fpasswd`],
    `SELECT 1 FORMAT Template SETTINGS format_template_resultset = '/etc/passwd'`,
    `SELECT 1 INTO OUTFILE '${outfile}'`,
    `SELECT 1 into /* */ outfile '${outfile}' FORMAT CSV`,
    `EXPLAIN SELECT 1 INTO OUTFILE '${outfile}'`,
    `SELECT file('/etc/passwd')`,
    `SELECT \`file\`('/etc/passwd')`,
    `SELECT "file" /* */ ('/etc/passwd')`,
    `SELECT * APPLY(file) FROM (SELECT '/etc/passwd')`,
    `SELECT COLUMNS('x') APPLY file FROM (SELECT '/etc/passwd' AS x)`,
    `SELECT arrayMap(x -> file(x), ['/etc/passwd'])`,
    `SELECT * FROM file('/etc/passwd', 'LineAsString')`,
    `SELECT * FROM fileCluster('c', '/etc/passwd', 'LineAsString')`,
    `DESCRIBE file('/etc/passwd')`,
    `DESCRIBE TABLE url('http://127.0.0.1:1/', 'CSV')`,
    `SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')`,
    `SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV', 'a String')`,
    `SELECT * FROM executable('id', 'CSV', 'a String')`,
    `SELECT * FROM remote('127.0.0.1', 'system.one')`,
    `SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')`,
    `SELECT * FROM sqlite('/x', 'y')`,
    `SELECT * FROM filesystem('/etc')`,
    `EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd') COLUMNS (a Int8)`,
    `SELECT reverseDNSQuery('127.0.0.1')`,
    `SELECT aiGenerate('x')`,
    `SELECT * FROM system.processes`,
    `SELECT * FROM "system" . \`processes\``,
    `SELECT * FROM system.errors`,
    `SELECT * FROM system.server_settings`,
    `SELECT * FROM system.users`,
    `SELECT * FROM system.grants`,
    `SELECT * FROM (SELECT * FROM system.errors)`,
    `SELECT count() FROM numbers(1) WHERE 1 IN (SELECT code FROM system.errors)`,
    [`SELECT * FROM {d:Identifier}.processes`, 'param_d=system'],
    [`SELECT * FROM processes`, 'database=system'],
    `SHOW PROCESSLIST`,
    `SHOW GRANTS`,
    `SHOW CREATE USER default`,
    `SELECT 1; DROP TABLE spans`,
    `BACKUP TABLE spans TO File('x')`,
    `exit`,
    `\\d`,
    `?? what is this`,
  ]
  test.each(attempts.map((attempt) => (typeof attempt === 'string' ? ([attempt, ''] as const) : attempt)))(
    '%s %s',
    async (sql, search) => {
      const { status, text } = await guest(sql, search)
      expect(status, text).toBeGreaterThanOrEqual(400)
      expect(text).toMatch(/^Code: \d+\. DB::Exception: /)
      expect(text).not.toContain('root:')
    },
  )

  test('no file came of it, and the tables are as they were', async () => {
    await expect(access(outfile)).rejects.toThrow()
    await rm(outfile, { force: true })
    expect((await guest('EXISTS spans')).text).toBe('1\n')
  })

  test('GET changes nothing, not even for the owner', async () => {
    const as = `user=weft&password=${store.secret}`
    for (const sql of [
      'INSERT INTO dropped_days VALUES (1)',
      'DROP TABLE dropped_days',
      'CREATE TABLE z (a Int8) ENGINE = Memory',
    ]) {
      const response = await fetch(`${store.url}/?${as}&query=${encodeURIComponent(sql)}`)
      expect(response.headers.get('x-clickhouse-exception-code')).toBe('164')
      await response.arrayBuffer()
    }
    const response = await fetch(`${store.url}/?${as}&query=SELECT+count()+FROM+dropped_days`)
    expect(await response.text()).toBe('0\n')
  })
})

describe('what a guest may do', () => {
  const reads: readonly [string, RegExp][] = [
    [`SELECT count() FROM spans`, /^0\n$/],
    [`WITH a AS (SELECT 1) SELECT * FROM a`, /^1\n$/],
    [`(SELECT 1) UNION ALL (SELECT 1)`, /^1\n1\n$/],
    [`SELECT file FROM set_aside`, /^$/],
    [`SELECT 'INTO OUTFILE', 'file(1)' AS outfile`, /INTO OUTFILE/],
    [`SHOW TABLES`, /spans/],
    [`SHOW DATABASES`, /weft/],
    [`SHOW CREATE TABLE spans`, /CREATE TABLE/],
    [`DESCRIBE TABLE spans`, /trace_id/],
    [`EXPLAIN SELECT count() FROM spans`, /\w/],
    [`SELECT name FROM system.tables WHERE database = 'weft'`, /spans/],
    [`SELECT name FROM system.columns WHERE table = 'spans'`, /trace_id/],
    [`SELECT name FROM system.databases`, /weft/],
    [`SELECT count() > 1000 FROM system.functions`, /^1\n$/],
    [`SELECT version(), currentDatabase(), timezone()`, /weft/],
    [`SELECT getSetting('readonly')`, /^1\n$/],
    [`SELECT table_name FROM information_schema.tables WHERE table_schema = 'weft'`, /spans/],
  ]
  test.each(reads)('%s', async (sql, expected) => {
    const { status, text } = await guest(sql)
    expect({ status, text }).toEqual({ status: 200, text: expect.stringMatching(expected) as string })
  })

  test('settings on the list, held to the limits', async () => {
    const { text } = await guest(
      `SELECT getSetting('max_execution_time') = 5, getSetting('max_memory_usage') < 1000000000`,
      'max_execution_time=5&max_memory_usage=100000000000&readonly=0',
    )
    expect(text).toBe('1\t1\n')
  })

  test('a parameter of one guest is not there for the next', async () => {
    expect((await guest('SELECT {secret:String}', 'param_secret=mine')).text).toBe('mine\n')
    for (let i = 0; i < 8; i++) {
      expect((await guest('SELECT {secret:String}')).text).toMatch(/^Code: 456\./)
    }
  })
})

describe('who may ask', () => {
  const status = (headers: Record<string, string>, path = '/ping') =>
    new Promise<number>((resolve, reject) => {
      request(`${store.url}${path}`, { headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
        .on('error', reject)
        .end()
    })

  test('only under the names of this machine', async () => {
    const port = new URL(store.url).port
    for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', `[::1]:${port}`, 'LOCALHOST.']) {
      expect(await status({ host }), host).toBe(200)
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.nip.io']) {
      expect(await status({ host }), host).toBe(421)
    }
  })

  test('not a web page of another origin', async () => {
    expect(await status({ origin: 'http://evil.example' })).toBe(421)
    expect(await status({ origin: 'null' })).toBe(421)
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(421)
    expect(await status({ 'sec-fetch-site': 'none' })).toBe(200)
  })

  test('wrong passwords and unknown users are refused alike', async () => {
    const tries: readonly [Record<string, string>, string][] = [
      [{ 'x-clickhouse-user': 'weft', 'x-clickhouse-key': 'wrong' }, ''],
      [{ 'x-clickhouse-user': 'weft' }, ''],
      [{ 'x-clickhouse-user': 'admin', 'x-clickhouse-key': store.secret }, ''],
      [{ authorization: `Basic ${btoa('weft:wrong')}` }, ''],
      [{}, '&user=weft&password=wrong'],
      [{}, '&password=x'],
    ]
    for (const [headers, search] of tries) expect(await status(headers, `/?query=SELECT+1${search}`)).toBe(403)
    const right: readonly [Record<string, string>, string][] = [
      [{ 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }, ''],
      [{ authorization: `Basic ${btoa(`weft:${store.secret}`)}` }, ''],
      [{}, `&user=weft&password=${store.secret}`],
    ]
    for (const [headers, search] of right) {
      expect(await status(headers, `/?query=SELECT+*+FROM+system.errors+LIMIT+1${search}`)).toBe(200)
    }
  })
})

describe('statements made to exhaust the parser or the engine end in an error, and the server goes on', () => {
  const deep = 100_000
  const hostile: readonly [string, string][] = [
    ['brackets', `SELECT ${'('.repeat(deep)}1${')'.repeat(deep)}`],
    ['arrays', `SELECT ${'['.repeat(deep)}`],
    ['a long sum', `SELECT 1${'+1'.repeat(deep)}`],
    ['negations', `SELECT ${'NOT '.repeat(deep)}1`],
    ['cases', `SELECT ${'CASE WHEN 1 THEN '.repeat(deep / 2)}`],
    ['subqueries', `SELECT * FROM ${'(SELECT * FROM '.repeat(deep / 2)}`],
    [
      'aliases that double',
      `SELECT 1 AS a0${Array.from({ length: 3_000 }, (_, i) => `, a${i} + a${i} AS a${i + 1}`).join('')}`,
    ],
    ['a type', `SELECT CAST(1, '${'Array('.repeat(deep / 2)}')`],
    ['explanations', `${'EXPLAIN '.repeat(5_000)}SELECT 1`],
    ['a string of a gigabyte', `SELECT repeat('x', 1000000000)`],
    ['NUL', 'SELECT \0 1'],
  ]
  test.each(hostile)('%s', async (_, sql) => {
    const { status, text } = await guest(sql)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(text).toMatch(/^Code: \d+\. DB::Exception: /)
    expect((await guest('SELECT 1')).text).toBe('1\n')
  })
})
