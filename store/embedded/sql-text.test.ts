import { describe, expect, test } from 'vitest'
import { firstWord, formatOf, identifier, insertHead, literal, tokens } from './sql-text.ts'

test('tokens: comments, quotes and heredocs are whole, and nothing is lost between them', () => {
  const sql = `SELECT 'a''b\\'c', "q\\"x", \`b\`, $t$ ' $t$ -- FROM x\n, 1.5e3 /* ' */ FROM t # no
`
  expect([...tokens(sql)].map(({ kind, text }) => `${kind} ${text}`)).toEqual([
    'word SELECT',
    `string 'a''b\\'c'`,
    'sign ,',
    'quoted q"x',
    'sign ,',
    'quoted b',
    'sign ,',
    `string $t$ ' $t$`,
    'sign ,',
    'number 1.5e3',
    'word FROM',
    'word t',
  ])
})

test('a literal of megabytes, and one that is never closed', () => {
  const long = "x\\'".repeat(1_000_000)
  expect([...tokens(`SELECT '${long}'`)]).toHaveLength(2)
  expect([...tokens(`SELECT '${long}`)]).toHaveLength(2)
  expect([...tokens('/* '.repeat(1_000_000))]).toHaveLength(0)
})

describe('the format of a statement', () => {
  const cases: readonly [string, string | undefined][] = [
    ['SELECT 1 FORMAT JSON', 'JSON'],
    ['SELECT 1\nformat JSONEachRow ;', 'JSONEachRow'],
    ['SELECT 1 SETTINGS max_threads = 1 FORMAT CSV', 'CSV'],
    ['SELECT 1 FORMAT CSV SETTINGS max_threads = 1, x = (1)', 'CSV'],
    ['SELECT 1 FORMAT CSV -- FORMAT JSON', 'CSV'],
    [`SELECT ' FORMAT JSON'`, undefined],
    ['SELECT format FROM t', undefined],
    ['SELECT * FROM (SELECT 1 FORMAT JSON)', undefined],
  ]
  test.each(cases)('%s', (sql, format) => expect(formatOf(sql)).toBe(format))
})

describe('the head of an insert', () => {
  const head = (sql: string) => {
    const found = insertHead(sql)
    return found && [found.target, found.columns, found.settings, found.format, sql.slice(found.end)]
  }
  const cases: readonly [string, ReturnType<typeof head>][] = [
    ['INSERT INTO t FORMAT Native\nxyz', ['t', '', '', 'Native', 'xyz']],
    ['insert into `a b`.t (a, `)`) Format TSV 1\t2', ['`a b`.t', '(a, `)`)', '', 'TSV', '1\t2']],
    ["INSERT INTO TABLE t SETTINGS a = 1, b = 'FORMAT' FORMAT CSV \r\n1", ['t', '', "a = 1, b = 'FORMAT'", 'CSV', '1']],
    ['INSERT INTO t VALUES (1)', ['t', '', '', 'Values', ' (1)']],
    ['/* x */ INSERT t (* EXCEPT (a)) FORMAT JSONEachRow', ['t', '(* EXCEPT (a))', '', 'JSONEachRow', '']],
    ['INSERT INTO t SELECT 1', undefined],
    ["INSERT INTO FUNCTION file('x') VALUES (1)", undefined],
    ['INSERT INTO t (a', undefined],
    ['SELECT 1', undefined],
    ['', undefined],
  ]
  test.each(cases)('%j', (sql, expected) => expect(head(sql)).toEqual(expected))
})

test('first word, literals and identifiers', () => {
  expect(firstWord(' -- x\n ((select 1))')).toBe('SELECT')
  expect(firstWord('123')).toBe('')
  expect(literal(`a'b\\c\0`)).toBe(`'a\\'b\\\\c\\0'`)
  expect(identifier('a`b')).toBe('`a\\`b`')
})
