// What both programs in JavaScript tell of the checkout.

export const links = [
  {
    context: {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      // Sampled.
      traceFlags: 1,
      isRemote: true,
    },
    attributes: { reason: 'follows' },
  },
]

export const attributes = {
  text: 'grüße ☂ 😀',
  empty: '',
  flag: true,
  whole: Number.MAX_SAFE_INTEGER,
  ratio: 0.5,
  texts: ['a', 'b'],
  wholes: [1, 2],
  ratios: [0.5, 1.5],
  flags: [true, false],
}

/** How it ends; `error` is `SpanStatusCode.ERROR`. */
export function fail(span, error) {
  span.addEvent('picked', { shelf: 'B', boxes: 3 })
  span.recordException(new RangeError('no such shelf'))
  span.setStatus({ code: error, message: 'out of stock' })
  span.end()
  return span.spanContext().traceId
}
