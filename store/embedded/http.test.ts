import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestStore, type TestStore } from './testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore({ migrate: false })
  await ask(
    "CREATE TABLE t (a Int64, b String DEFAULT concat('d', toString(a)), c Nullable(Float64)) ENGINE = MergeTree ORDER BY a",
  )
})
afterAll(() => store.close())

const owner = () => ({ 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret })

async function send(
  search: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${store.url}/?${search}`, {
    headers: { ...owner(), ...headers },
    ...(body === undefined ? {} : { method: 'POST', body }),
  })
}

async function ask(sql: string, search = ''): Promise<string> {
  const response = await send(search, sql)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}

describe('health', () => {
  test.each(['/ping', '/', '/replicas_status'])('%s', async (path) => {
    const response = await fetch(store.url + path)
    expect([response.status, await response.text()]).toEqual([200, 'Ok.\n'])
  })
  test('an unknown path, an unknown method', async () => {
    expect((await fetch(`${store.url}/nope`)).status).toBe(404)
    expect((await fetch(store.url, { method: 'DELETE' })).status).toBe(501)
    const options = await fetch(store.url, { method: 'OPTIONS' })
    expect(options.status).toBe(501)
    expect(options.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('where the query may stand', () => {
  test('in the URL, in the body, in both', async () => {
    expect(await (await send('query=SELECT+1')).text()).toBe('1\n')
    expect(await ask('SELECT 2')).toBe('2\n')
    expect(await ask('+ 2', 'query=SELECT+1')).toBe('3\n')
  })
  test('in a form', async () => {
    const form = new FormData()
    form.set('query', 'SELECT {a:Array(String)}')
    form.set('param_a', `['x','y\\'z']`)
    const response = await fetch(store.url, { method: 'POST', body: form, headers: owner() })
    expect(await response.text()).toBe(`['x','y\\\\'z']\n`.replace('\\\\', '\\'))
  })
  test('nowhere', async () => {
    const response = await send('', '')
    expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([400, '62'])
  })
})

describe('parameters are values, whatever they hold', () => {
  const values = [
    `'`,
    `\\`,
    `'; DROP TABLE t; --`,
    `\u0000x`,
    `a\tb\nc`,
    `{b:String}`,
    `$$`,
    `🦉\u2028`,
    `\\'`,
    `' OR 1 = 1 /*`,
  ]
  test.each(values)('%j', async (value) => {
    const escaped = value
      .replaceAll('\\', '\\\\')
      .replaceAll('\t', '\\t')
      .replaceAll('\n', '\\n')
      .replaceAll('\0', '\\0')
    const text = await ask('SELECT {v:String} FORMAT JSONCompactEachRow', `param_v=${encodeURIComponent(escaped)}`)
    expect(JSON.parse(text)).toEqual([value])
  })
  test('types', async () => {
    const search = 'param_u=18446744073709551615&param_d=2026-01-02&param_i=t&param_s=%5B1%2C2%5D'
    expect(await ask('SELECT {u:UInt64}, {d:Date}, {s:Array(UInt8)} FROM system.one', search)).toBe(
      '18446744073709551615\t2026-01-02\t[1,2]\n',
    )
  })
})

describe('formats', () => {
  const cases: readonly [format: string, type: string, begin: string][] = [
    ['TabSeparated', 'text/tab-separated-values; charset=UTF-8', '0\n'],
    ['JSON', 'application/json; charset=UTF-8', '{'],
    ['JSONCompact', 'application/json; charset=UTF-8', '{'],
    ['JSONEachRow', 'application/x-ndjson; charset=UTF-8', '{"number"'],
    ['JSONCompactEachRowWithNamesAndTypes', 'application/x-ndjson; charset=UTF-8', '["number"]'],
    ['CSVWithNames', 'text/csv; header=present; charset=UTF-8', '"number"'],
    ['RowBinary', 'application/octet-stream', '\0\0'],
    ['Native', 'application/octet-stream', '\x01'],
    ['Parquet', 'application/octet-stream', 'PAR1'],
    ['ArrowStream', 'application/octet-stream', '\xff\xff\xff\xff'],
    ['XML', 'application/xml; charset=UTF-8', '<?xml'],
    ['Null', 'application/octet-stream', ''],
  ]
  test.each(cases)('%s', async (format, type, begin) => {
    // More than one block, so that a format with a header would show it twice.
    for (const search of [`default_format=${format}`, '']) {
      const sql = `SELECT number FROM numbers(100000)${search ? '' : ` FORMAT ${format}`}`
      const response = await send(`${search}&max_block_size=10000`, sql)
      const bytes = Buffer.from(await response.arrayBuffer())
      expect(response.headers.get('content-type')).toBe(type)
      expect(response.headers.get('x-clickhouse-format')).toBe(format)
      expect(bytes.toString('latin1', 0, begin.length)).toBe(begin)
    }
  })

  test('a result in one piece where the format needs it', async () => {
    const result = JSON.parse(await ask('SELECT number FROM numbers(100000) FORMAT JSON', 'max_block_size=1000')) as {
      rows: number
      data: unknown[]
    }
    expect([result.rows, result.data.length]).toEqual([100_000, 100_000])
  })

  const roundTrip = [
    'Native',
    'RowBinary',
    'RowBinaryWithNamesAndTypes',
    'Parquet',
    'Arrow',
    'ArrowStream',
    'TabSeparated',
    'CSV',
    'JSONEachRow',
    'JSONCompactEachRow',
    'Values',
    'Avro',
    'ORC',
    'MsgPack',
  ]
  test.each(roundTrip)('%s out and in again', async (format) => {
    await ask('CREATE OR REPLACE TABLE copy AS t')
    const rows = `SELECT number - 500 AS a, concat('x', unhex(hex(number)), '\\n') AS b, if(number % 3 = 0, NULL, number / 7) AS c FROM numbers(5000)`
    const sql =
      format === 'Parquet' || format === 'ORC' || format.startsWith('Arrow')
        ? rows.replace('unhex(hex(number))', 'toString(number)')
        : rows
    const bytes = Buffer.from(await (await send('', `${sql} FORMAT ${format}`)).arrayBuffer())
    const done = await send(`query=INSERT+INTO+copy+(a,b,c)+FORMAT+${format}`, bytes)
    expect([done.status, await done.text()]).toEqual([200, ''])
    expect(JSON.parse(done.headers.get('x-clickhouse-summary')!)).toMatchObject({ written_bytes: String(bytes.length) })
    const sum = 'SELECT count(), sum(cityHash64(a, b, c)) FROM'
    expect(await ask(`${sum} copy`)).toBe(await ask(`${sum} (SELECT CAST(a, 'Int64') AS a, b, c FROM (${sql}))`))
  })
})

describe('inserts', () => {
  test('rows in the body after the words, in the URL, and as expressions', async () => {
    await ask('CREATE OR REPLACE TABLE copy AS t')
    await ask('INSERT INTO copy (a) FORMAT TSV\n1\n2\n')
    await ask('{"a": 3, "b": "🦉"}\n{"a": "4"}', 'query=INSERT+INTO+copy+FORMAT+JSONEachRow')
    await ask(`INSERT INTO copy VALUES (2 + 3, concat('v', {p:String}), NULL)`, 'param_p=q')
    await ask("(6, 'six', 6)", 'query=INSERT+INTO+copy+VALUES')
    await ask("INSERT INTO copy (a, b) SELECT 7, 'seven'")
    await ask('', 'query=INSERT+INTO+copy+FORMAT+JSONEachRow')
    expect(await ask('SELECT a, b FROM copy ORDER BY a')).toBe('1\td1\n2\td2\n3\t🦉\n4\td4\n5\tvq\n6\tsix\n7\tseven\n')
  })

  test('columns go by their names, in any order; the rest take their defaults', async () => {
    await ask('CREATE OR REPLACE TABLE copy AS t')
    const bytes = Buffer.from(await (await send('', `SELECT 'x' AS b, toInt32(5) AS a FORMAT Native`)).arrayBuffer())
    await send('query=INSERT+INTO+copy+FORMAT+Native', bytes)
    expect(await ask('SELECT * FROM copy')).toBe('5\tx\t\\N\n')
  })

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('%s body', async (coding, compress) => {
    await ask('CREATE OR REPLACE TABLE copy AS t')
    const response = await send('query=INSERT+INTO+copy(a)+FORMAT+TSV', compress('1\n2\n'), {
      'content-encoding': coding,
    })
    expect(response.status).toBe(200)
    expect(await ask('SELECT count() FROM copy')).toBe('2\n')
    const broken = await send('query=INSERT+INTO+copy(a)+FORMAT+TSV', new Uint8Array([1, 2, 3]), {
      'content-encoding': coding,
    })
    expect(broken.status).toBeGreaterThanOrEqual(400)
    expect(await ask('SELECT count() FROM copy')).toBe('2\n')
  })

  test('a result in gzip and zstd, when it is asked for', async () => {
    const sql = 'SELECT number FROM numbers(50000)'
    const plain = await ask(sql)
    const get = (coding: string, search: string) =>
      new Promise<{ coding: string | undefined; body: Buffer }>((resolve, reject) => {
        const headers = { ...owner(), 'accept-encoding': coding }
        request(`${store.url}/?${search}`, { method: 'POST', headers }, (response) => {
          response
            .toArray()
            .then(
              (chunks: Buffer[]) =>
                resolve({ coding: response.headers['content-encoding'], body: Buffer.concat(chunks) }),
              reject,
            )
        }).end(sql)
      })
    const gzip = await get('gzip, deflate', 'enable_http_compression=1')
    expect([gzip.coding, gunzipSync(gzip.body).toString()]).toEqual(['gzip', plain])
    const zstd = await get('gzip, zstd', 'enable_http_compression=1')
    expect([zstd.coding, zstdDecompressSync(zstd.body).toString()]).toEqual(['zstd', plain])
    const none = await get('gzip', '')
    expect([none.coding, none.body.toString()]).toEqual([undefined, plain])
  })
})

describe("errors are ClickHouse's", () => {
  const cases: readonly [sql: string, status: number, code: number][] = [
    ['SELEC 1 FROM', 400, 62],
    ['SELECT * FROM nope', 404, 60],
    ['SELECT nope', 404, 47],
    ['SELECT nope(1)', 404, 46],
    ['SELECT * FROM nope.t', 404, 81],
    ['SELECT 1 FORMAT Nope', 404, 73],
    ["SELECT toInt8('x')", 400, 6],
    ['SELECT throwIf(1)', 500, 395],
    ['SELECT 1; SELECT 2', 400, 62],
    ['SELECT {x:String}', 500, 456],
    ['INSERT INTO t FORMAT JSONEachRow {"a": "x"}', 400, 27],
    ['INSERT INTO t FORMAT Native xyz', 500, 33],
    ['INSERT INTO nope FORMAT Native xyz', 404, 60],
    ['SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 1', 408, 159],
  ]
  test.each(cases)('%s', async (sql, status, code) => {
    for (const search of ['', 'wait_end_of_query=1', 'default_format=JSON']) {
      const response = await send(search, sql)
      const text = await response.text()
      expect([response.headers.get('x-clickhouse-exception-code'), response.status], text).toEqual([
        String(code),
        status,
      ])
      expect(text).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: [^]* \\([A-Z_]+\\) \\(version [\\d.]+\\)\\n$`))
    }
  })

  test('in the middle of a result', async () => {
    const response = await send('max_block_size=1000', 'SELECT throwIf(number = 150000) FROM numbers(200000)')
    const tag = response.headers.get('x-clickhouse-exception-tag')!
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(text.startsWith('0\n0\n')).toBe(true)
    expect(text).toContain(`\r\n__exception__\r\n${tag}\r\nCode: 395. DB::Exception: `)
    expect(text.endsWith(` ${tag}\r\n__exception__\r\n`)).toBe(true)
    const late = await send(
      'max_block_size=1000&wait_end_of_query=1',
      'SELECT throwIf(number = 150000) FROM numbers(200000)',
    )
    expect(late.status).toBe(500)
  })

  test('the query id comes back; a session id is of no effect', async () => {
    const response = await send('query_id=my-query&session_id=s&query=SELECT+1')
    expect([response.headers.get('x-clickhouse-query-id'), await response.text()]).toEqual(['my-query', '1\n'])
  })

  test('SET and USE do not outlive their request', async () => {
    await ask('SET max_block_size = 7')
    await ask('USE system')
    for (let i = 0; i < 10; i++) {
      expect(await ask(`SELECT getSetting('max_block_size') = 7, currentDatabase()`)).toBe('0\tweft\n')
    }
  })
})
