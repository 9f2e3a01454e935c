/**
 * The trace id in whatever was pasted: the id itself in either case, with dashes, a `traceparent` header, or an address
 * that holds one. Undefined where there is none; all zeros is none.
 */
export function parseTraceId(pasted: string): string | undefined {
  const text = pasted.trim().toLowerCase()
  const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(text)
  const found = traceparent?.[1] ?? whole(text) ?? /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/.exec(text)?.[0]
  return found === undefined || /^0+$/.test(found) ? undefined : found
}

function whole(text: string): string | undefined {
  const bare = text.replaceAll('-', '')
  return /^[0-9a-f]{32}$/.test(bare) ? bare : undefined
}
