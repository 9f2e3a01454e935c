import { expect, test } from 'vitest'
import { type Generation, spansOf } from './libraries.ts'
import type { ReceivedSpan } from './receiver.ts'

/** What the span of a request says of how it went, in one line. */
function told({ name, attributes, status, events }: ReceivedSpan): string {
  const exceptions = events.map(
    ({ attributes: of }) => `${String(of['exception.type'])}: ${String(of['exception.message'])}`,
  )
  return [
    `${name.replace('GET ', '')} ${String(attributes['http.response.status_code'])} ${status.code} "${status.message}"`,
    String(attributes['error.type']),
    ...exceptions,
  ].join(' | ')
}

const nest = [
  '/nest/fine 200 UNSET "" | undefined',
  '/nest/throws 500 ERROR "thrown" | Wrong | Wrong: thrown',
  '/nest/missing 404 UNSET "" | undefined',
  '/nest/answered 503 ERROR "answered by the program" | Wrong | Wrong: answered by the program',
]

const cases: [Generation, string][] = [
  ['newest', 'web-required.cjs'],
  ['newest', 'web-imported.mjs'],
  ['older', 'web-required.cjs'],
  ['older', 'web-imported.mjs'],
]

test.each(cases)('%s frameworks, %s: the error that became the answer is on the span of the request', async (...of) => {
  const { spans } = await spansOf(...of)
  const served = spans.filter(({ kind }) => kind === 'SERVER')
  expect(served.map(told)).toEqual([
    '/express/fine 200 UNSET "" | undefined',
    '/express/throws 500 ERROR "thrown" | Wrong | Wrong: thrown',
    '/express/missing 404 UNSET "" | undefined',
    // What the program handles is no error.
    '/express/handled 409 UNSET "" | undefined',
    '/express/answered 503 ERROR "answered by the program" | Wrong | Wrong: answered by the program',
    '/express/broken 200 ERROR "too late" | Wrong | Wrong: too late',
    '/express/passes 500 ERROR "passed on" | Wrong | Wrong: passed on',
    '/express/words 500 ERROR "only words" | 500 | undefined: only words',
    '/express/plain 500 ERROR "" | 500',
    '/express/below/throws 500 ERROR "thrown below" | Wrong | Wrong: thrown below',
    '/bare/throws 500 ERROR "thrown with nobody behind" | Wrong | Wrong: thrown with nobody behind',
    '/koa/fine 200 UNSET "" | undefined',
    '/koa/throws 500 ERROR "thrown" | Wrong | Wrong: thrown',
    '/koa/missing 404 UNSET "" | undefined',
    '/koa/handled 409 UNSET "" | undefined',
    '/koa/answered 503 ERROR "answered by the program" | Wrong | Wrong: answered by the program',
    '/koa/broken 200 ERROR "too late" | Wrong | Wrong: too late',
    ...nest,
    ...nest,
  ])
  for (const { events } of served) {
    for (const { attributes } of events) {
      if (attributes['exception.type'] === 'Wrong') expect(attributes['exception.stacktrace']).toContain('web.cjs')
    }
  }
  expect(served.flatMap(({ attributes }) => attributes['code.function.name'] ?? [])).toEqual(
    [...nest, ...nest].map((line) => `LampController.${/nest\/(\w+)/.exec(line)?.[1]}`),
  )
  // No spans of middleware, nor of what a framework does by itself.
  const internal = new Set(spans.filter(({ kind }) => kind === 'INTERNAL').map(({ name }) => name.split(' ')[0]))
  expect(internal).toEqual(new Set(['router']))
})
