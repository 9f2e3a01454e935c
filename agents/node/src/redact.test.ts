import { expect, test } from 'vitest'
import { redact, redisWithoutValues, withoutSecretsInUrl, withoutValues, withoutValuesInMysql } from './redact.ts'

test.each([
  ['https://user:hunter2@shop.example/a?b=1', 'https://REDACTED:REDACTED@shop.example/a?b=1'],
  ['/cart?access_token=abc&item=7#top', '/cart?access_token=REDACTED&item=7#top'],
  ['/cb?code=abc&state=x', '/cb?code=REDACTED&state=x'],
  ['/a?X-Amz-Signature=abc&X-Amz-Date=1', '/a?X-Amz-Signature=REDACTED&X-Amz-Date=1'],
  ['/a?api%5Fkey=abc', '/a?api%5Fkey=REDACTED'],
  ['/a?password=', '/a?password=REDACTED'],
  // Words that only look like secrets.
  ['/a?keyword=lamp&author=me&tokenize=no&zipcode=1', '/a?keyword=lamp&author=me&tokenize=no&zipcode=1'],
  ['/mail/a@b.example', '/mail/a@b.example'],
  ['', ''],
])('%s', (url, expected) => expect(withoutSecretsInUrl(url)).toBe(expected))

test.each([
  ["SELECT * FROM users WHERE name = 'O''Brien' AND age > 42", 'SELECT * FROM users WHERE name = ? AND age > ?'],
  [
    'select a1, b2 from t3 where "col 4" = $1 and x = :name2',
    'select a1, b2 from t3 where "col 4" = $1 and x = :name2',
  ],
  ["INSERT INTO t VALUES (1, -2.5e10, 0xFF, E'a\\'b', $tag$secret$tag$)", 'INSERT INTO t VALUES (?, -?, ?, ?, ?)'],
  ["UPDATE t SET a = 'unfinished", 'UPDATE t SET a = ?'],
  ["/* it's */ SELECT 1 -- don't", "/* it's */ SELECT ? -- don't"],
  ['SELECT `a1` FROM [b 2] WHERE c IN (1,2,3)', 'SELECT `a1` FROM [b 2] WHERE c IN (?,?,?)'],
  ["WITH x AS (SELECT 'a') SELECT * FROM x", 'WITH x AS (SELECT ?) SELECT * FROM x'],
  ["call login('me', 'secret')", 'call login(?, ?)'],
  // What is no SQL stays: other clients mask by themselves.
  ['get user:123', 'get user:123'],
  ['{"find":"users","filter":{"_id":"?"}}', '{"find":"users","filter":{"_id":"?"}}'],
])('%s', (statement, expected) => {
  expect(withoutValues(statement)).toBe(expected)
  // Again, from memory.
  expect(withoutValues(statement)).toBe(expected)
})

test('double quotes hold texts in MySQL', () => {
  expect(withoutValuesInMysql('SELECT * FROM t WHERE a = "secret" AND b = \'x\'')).toBe(
    'SELECT * FROM t WHERE a = ? AND b = ?',
  )
})

test('a statement of a megabyte of quotes takes no time', () => {
  const begin = performance.now()
  withoutValues(`SELECT ${"'".repeat(1_000_001)}`)
  withoutValues(`SELECT ${'/*'.repeat(500_000)}`)
  withoutValues(`SELECT ${'$a$'.repeat(300_000)}`)
  expect(performance.now() - begin).toBeLessThan(5_000)
})

test('which attributes are looked at', () => {
  expect(redact('http.route')).toBeUndefined()
  expect(redact('url.path')).toBeUndefined()
  expect(redact('http.request.header.authorization')?.('Bearer x')).toBe('REDACTED')
  expect(redact('http.request.header.x-api-key')?.('x')).toBe('REDACTED')
  expect(redact('http.response.header.set-cookie')?.('a=b')).toBe('REDACTED')
  expect(redact('http.request.header.content-type')).toBeUndefined()
  expect(redact('url.query')?.('token=1')).toBe('token=REDACTED')
  expect(redact('db.query.text')?.('SELECT 1')).toBe('SELECT ?')
})

test.each([
  ['SET', ['lamp', 'secret', 'EX', 10], 'SET lamp ? ? ?'],
  ['get', [Buffer.from('lamp')], 'get lamp'],
  ['HSET', ['lamps', 'red', 'secret', 'blue', 'secret', 'green', 'secret'], 'HSET lamps ? ? ? ? …'],
  ['EVAL', ['return "secret"', 1, 'lamp', 'secret'], 'EVAL ? ? ? ?'],
  ['AUTH', ['secret'], 'AUTH ?'],
  ['CONFIG', ['SET', 'requirepass', 'secret'], 'CONFIG SET ? ?'],
  ['quit', [], 'quit'],
])('Redis: %s %j', (name, args, expected) => {
  expect(redisWithoutValues(name, args)).toBe(expected)
})
