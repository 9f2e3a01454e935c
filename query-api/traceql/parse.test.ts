import { describe, expect, test } from 'vitest'
import { TraceqlError } from './error.ts'
import { parse, parseSearch } from './parse.ts'

/** The tree in brackets, without its places. */
function shape(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(shape)
  if (typeof node === 'bigint') return node
  if (typeof node !== 'object' || node === null) return node
  const { kind, ...rest } = node as Record<string, unknown>
  const of = Object.entries(rest).filter(([key]) => key !== 'place')
  return kind === undefined ? Object.fromEntries(of) : [kind, ...of.map(([, value]) => shape(value))]
}
const conditionOf = (text: string): unknown =>
  (shape(parseSearch(`{ ${text} }`)) as [string, [string, unknown][]])[1][0]?.[1]

// As they stand in Tempo's documentation and in its own tests.
const accepted = [
  '{ }',
  '{}',
  '{ true }',
  '{ .a }',
  '{ !.a }',
  '{ status = error }',
  '{ name = "GET /" && status = ok }',
  '{ resource.service.name = "frontend" && name = "POST /api/order" && status = error }',
  '{ span.http.status_code >= 200 && span.http.status_code < 300 }',
  '{ .http.method = "DELETE" && status != ok }',
  '{ .http.status_code = 200 } && { .http.status_code != 200 }',
  '{ resource.service.name = "a" } || { resource.service.name = "b" }',
  '{ span:duration > 2s }',
  '{ trace:duration > 1h30m }',
  '{ traceDuration > 100ms && rootServiceName = "x" && rootName = `y` }',
  '{ kind = server || kind = client }',
  '{ statusMessage =~ ".*timeout.*" }',
  '{ .foo != nil }',
  '{ nil = .foo }',
  '{ nestedSetParent < 0 }',
  '{ span:childCount > 3 }',
  '{ event:name = "exception" && event.exception.type =~ "java.*" }',
  '{ link:traceID = "0123456789abcdef0123456789abcdef" }',
  '{ instrumentation:name = "express" && instrumentation:version != "1" }',
  '{ span."a b" = 1 && resource."c\\"d" = 2 }',
  '{ .a."b c".d = 1 }',
  '{ parent.service.name = "x" && parent.span.y = 1 && parent.resource.z = 2 }',
  '{ span.bytes * 2 > 1024 ^ 2 - 1 }',
  '{ -1 < .x }',
  '{ (.a = 1 || .b = 2) && !(.c = 3) }',
  '{ .a-b = "x" && .a/b = "y" && .a:b = "z" }',
  '{ .größe = 1 && .名 = "x" }',
  '{ 100ms < duration }',
  '{ status = error } > { kind = client }',
  '{ .a } >> { .b } >> { .c }',
  '{ .a } << { .b }',
  '{ .a } < { .b }',
  '{ .a } ~ { .b }',
  '{ .a } !> { .b }',
  '{ .a } !>> { .b }',
  '{ .a } !< { .b }',
  '{ .a } !<< { .b }',
  '{ .a } !~ { .b }',
  '{ .a } &> { .b }',
  '{ .a } &>> { .b }',
  '{ .a } &< { .b }',
  '{ .a } &<< { .b }',
  '{ .a } &~ { .b }',
  '({ .a } > { .b }) && { .c }',
  '({ .a } | count() > 1) || { .b }',
  '{ .a } | count() > 2',
  '{ .a } | avg(duration) > 20ms',
  '{ .a } | max(span.bytes) - min(span.bytes) >= 2 * count()',
  '{ .a } | by(resource.service.name) | count() > 1 | coalesce()',
  '{ .a } | { .b }',
  'count() > 3',
  '(count() + 1) * 2 > 3',
  'avg(duration) = 1s',
  '{ .a } | select(span.http.url, name, resource."my key")',
  '{ .a } > { .b } | select(status) | count() > 1',
]

test.each(accepted)('%s', (text) => {
  const { place } = parseSearch(text)
  expect(text.slice(place.start, place.end)).toBe(text.trim())
})

describe('figures over time', () => {
  const metricsOf = (text: string): unknown => parse(`{ .a } | ${text}`).metrics
  test.each<[string, Record<string, unknown>]>([
    ['rate()', { function: 'rate', quantiles: [], by: [] }],
    ['count_over_time() by (name)', { function: 'count_over_time', by: [{ name: 'span:name' }] }],
    ['avg_over_time(duration)', { function: 'avg_over_time', of: { name: 'span:duration' } }],
    [
      'max_over_time(span.bytes) by (.x, resource.y)',
      { of: { key: 'bytes' }, by: [{ key: 'x' }, { scope: 'resource' }] },
    ],
    ['quantile_over_time(duration, .5, 0.99, 1)', { quantiles: [0.5, 0.99, 1] }],
    ['histogram_over_time(duration)', { function: 'histogram_over_time' }],
    ['compare({ status = error })', { kind: 'compare', top: 10 }],
    ['compare({}, 5, 100, 200)', { top: 5, window: { start: 100n, end: 200n } }],
  ])('%s', (text, first) => {
    expect(metricsOf(text)).toMatchObject({ first, after: [] })
  })

  test('what comes after them', () => {
    expect(metricsOf('rate() by (name) > 0.5 | topk(3)')).toMatchObject({
      after: [
        { kind: 'valueFilter', operator: '>', value: 0.5 },
        { kind: 'topk', count: 3 },
      ],
    })
    expect(metricsOf('max_over_time(duration) >= 250ms | bottomk(1)')).toMatchObject({
      after: [{ value: 0.25 }, { kind: 'bottomk', count: 1 }],
    })
    expect(metricsOf('rate() > -1')).toMatchObject({ after: [{ value: -1 }] })
  })

  test('hints', () => {
    const { hints } = parse('{ .a } | rate() with (exemplars = true, sample = 0.1)')
    expect(hints).toMatchObject([
      { name: 'exemplars', value: { value: true } },
      { name: 'sample', value: { value: 0.1 } },
    ])
    expect(parse('{ .a } with (most_recent = true)').hints).toHaveLength(1)
  })
})

describe('how operators bind', () => {
  test.each([
    ['.a = 1 || .b = 2 && .c = 3', '(.a = 1 || .b = 2) && .c = 3'],
    ['.a && .b || .c', '(.a && .b) || .c'],
    ['.a + .b * .c > 1', '(.a + (.b * .c)) > 1'],
    ['.a - .b - .c > 1', '((.a - .b) - .c) > 1'],
    ['.a ^ .b ^ .c > 1', '(.a ^ (.b ^ .c)) > 1'],
    ['!.a = .b', '(!.a) = .b'],
    ['-.a * .b > 1', '(-.a) * .b > 1'],
    ['-2 ^ 2 > .x', '-(2 ^ 2) > .x'],
  ])('%s as %s', (text, same) => {
    expect(conditionOf(text)).toEqual(conditionOf(same))
  })

  test('structural operators bind more than && and ||, which bind alike', () => {
    expect(shape(parseSearch('{ .a } && { .b } > { .c } || { .d }'))).toEqual(
      shape(parseSearch('(({ .a } && ({ .b } > { .c })) || { .d })')),
    )
  })
})

describe('values', () => {
  test.each([
    ['"a\\n\\t\\"\\\\b"', { type: 'string', value: 'a\n\t"\\b' }],
    ['`a\\d"b`', { type: 'string', value: 'a\\d"b' }],
    ['9223372036854775807', { type: 'int', value: 9223372036854775807n }],
    ['-5', { type: 'int', value: -5n }],
    ['1.5', { type: 'float', value: 1.5 }],
    ['.5', { type: 'float', value: 0.5 }],
    ['1e3', { type: 'float', value: 1000 }],
    ['1.5ms', { type: 'duration', value: 1_500_000n }],
    ['1h2m3s4ms5us6ns', { type: 'duration', value: 3_723_004_005_006n }],
    ['10µs', { type: 'duration', value: 10_000n }],
    ['true', { type: 'bool', value: true }],
    ['error', { type: 'status', value: 'error' }],
    ['producer', { type: 'kind', value: 'producer' }],
  ])('%s', (text, { type, value }) => {
    expect(conditionOf(`.x = ${text}`)).toEqual([
      'binary',
      '=',
      ['attribute', 'any', 'x', false],
      ['literal', type, value],
    ])
  })
})

describe('what is wrong is told where it is', () => {
  test.each<[string, string, RegExp]>([
    ['', '', /empty/],
    ['service.name = "x"', 'service.', /no scope.*span, resource/],
    ['.a = 1', '.a', /braces: \{ \.a = 1 \}/],
    ['{ .a = 1', '{', /not closed/],
    ['{ .a = "x }', '"x }', /no closing "/],
    ["{ .a = 'x' }", "'", /double quotes/],
    ['{ .a == 1 }', '==', /one "="/],
    ['{ .a = 1 and .b = 2 }', 'and', /written &&/],
    ['{ .a } or { .b }', 'or', /written \|\|/],
    ['{ .a = foo }', 'foo', /text stands in quotes/],
    ['{ .a = }', '}', /expected a field or a value, found "}"/],
    ['{ .a = 1 } {', '{', /expected/],
    ['{ .a } | count() ', '', /expected a comparison/],
    ['{ .a } | count(.b) > 1', '.b', /takes nothing/],
    ['{ .a } | avg() > 1', ')', /needs what to avg/],
    ['{ .a } | rate() | rate()', 'rate', /topk/],
    ['{ .a } | rate(duration)', 'duration', /takes nothing/],
    ['{ .a } | sum_over_time()', ')', /needs a field/],
    ['{ .a } | quantile_over_time(duration)', ')', /needs quantiles/],
    ['{ .a } | quantile_over_time(duration, 99)', '99', /from 0 to 1/],
    ['{ .a } | topk(3)', 'topk', /at the end of the whole query/],
    ['({ .a } | rate()) && { .b }', 'rate', /at the end of the whole query/],
    ['{ .a } | rate() | topk(0)', 'topk', /1 to 1000/],
    ['{ .a } | rate() =~ "x"', '=~', /no regular expression/],
    ['{ .a } | compare(.b)', '.b', /in braces/],
    ['{ .a } | compare({ }, 5, 100)', ')', /a start and an end/],
    ['{ .a } | select()', ')', /a field: name/],
    ['{ .a } | select(.b + 1)', '+', /expected "\)"/],
    ['{ .a } with (fast = true)', 'fast', /no hint.*most_recent/],
    ['{ span:foo = 1 }', 'span:foo', /there are span:name/],
    ['{ foo:bar = 1 }', 'foo:bar', /no scope/],
    ['{ .a = 5d }', '5d', /no unit/],
    ['{ . = 5 }', '.', /key of an attribute is missing/],
    ['{ .a = "\\d" }', '\\d', /backticks/],
    ['{ .a = 1 } # x', '#', /means nothing/],
    ['{ count() > 1 }', 'count', /after a "\|"/],
    ['({ .a }', '(', /not closed/],
  ])('%s', (text, at, message) => {
    const error = refused(text)
    expect(error.message).toMatch(message)
    expect(text.slice(error.place.start, error.place.end)).toBe(at)
    expect(error.code).toBe('BAD_INPUT')
  })

  test('what is too long or too deep', () => {
    expect(refused(`{ ${'('.repeat(5000)}`).message).toMatch(/words and operators|brackets/)
    expect(refused(`{ ${'('.repeat(500)}`).message).toMatch(/brackets within/)
    expect(refused(`{ ${'!'.repeat(500)}.a }`).message).toMatch(/brackets within/)
    expect(refused(`${'('.repeat(500)}{}`).message).toMatch(/brackets within/)
    expect(refused(`{ .${'a'.repeat(40_000)} }`).message).toMatch(/characters/)
  })
})

function refused(text: string): TraceqlError {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof TraceqlError) return error
    throw error
  }
  throw new Error(`it was taken: ${text}`)
}
