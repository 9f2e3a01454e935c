import type { TypedValue } from '../types.ts'

/** OTLP's AnyValue in JSON. */
export interface AnyValue {
  stringValue?: string
  intValue?: string
  doubleValue?: number | string
  boolValue?: boolean
}

/** A value as Tempo tells it; durations, statuses and kinds are texts. */
export function anyValue({ type, text }: TypedValue): AnyValue {
  switch (type) {
    case 'int':
      return { intValue: text }
    case 'double':
      return { doubleValue: Number.isFinite(Number(text)) ? Number(text) : text }
    case 'bool':
      return { boolValue: text === 'true' }
    case 'duration':
      return { stringValue: `${Number(text) / 1e6}ms` }
    default:
      return { stringValue: text }
  }
}
