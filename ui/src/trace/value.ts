import type { AnyValue, KeyValue } from '../../../query-api/types.ts'

/** An attribute's value in one line of text, as a person reads it; strings without quotes at the top. */
export function valueText(value: AnyValue, depth = 0): string {
  if (value.stringValue !== undefined) return depth === 0 ? value.stringValue : JSON.stringify(value.stringValue)
  if (value.intValue !== undefined) return value.intValue
  if (value.doubleValue !== undefined) return String(value.doubleValue)
  if (value.boolValue !== undefined) return String(value.boolValue)
  if (value.bytesValue !== undefined) return `base64 ${value.bytesValue}`
  // The server refuses deeper nesting than this; a limit here keeps a hostile answer from ending in a stack overflow.
  if (depth > 70) return '…'
  if (value.arrayValue !== undefined) {
    return `[${(value.arrayValue.values ?? []).map((one) => valueText(one, depth + 1)).join(', ')}]`
  }
  if (value.kvlistValue !== undefined) {
    const pairs = (value.kvlistValue.values ?? []).map((pair) => `${pair.key}: ${valueText(pair.value, depth + 1)}`)
    return `{${pairs.join(', ')}}`
  }
  return '(empty)'
}

/** The type a value was sent with, shown on hover. */
export function valueType(value: AnyValue): string {
  if (value.stringValue !== undefined) return 'string'
  if (value.intValue !== undefined) return 'int'
  if (value.doubleValue !== undefined) return 'double'
  if (value.boolValue !== undefined) return 'bool'
  if (value.bytesValue !== undefined) return 'bytes'
  if (value.arrayValue !== undefined) return 'array'
  if (value.kvlistValue !== undefined) return 'key-value list'
  return 'empty'
}

/** The address when a text is an http or https URL; nothing else ever becomes a link. */
export function safeLink(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || text.length > 2048 || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' ? url.href : undefined
}

/** Attributes as plain JSON for a filter or copy: key and text. */
export const attributeText = ({ key, value }: KeyValue): string => `${key}=${valueText(value)}`
