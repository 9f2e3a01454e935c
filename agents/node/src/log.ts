import { diag, type DiagLogLevel } from '@opentelemetry/api'

/** The agent's own lines go to stderr, in one form: a program's stdout is the program's. */
export function logTo(level: DiagLogLevel): void {
  const line =
    (of: string) =>
    (message: string, ...more: unknown[]): void => {
      const rest = more.length === 0 ? '' : ` ${more.map((each) => textOf(each)).join(' ')}`
      process.stderr.write(`weft ${of}: ${message}${rest}\n`)
    }
  diag.setLogger(
    { error: line('error'), warn: line('warning'), info: line('info'), debug: line('debug'), verbose: line('verbose') },
    { logLevel: level, suppressOverrideMessage: true },
  )
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
