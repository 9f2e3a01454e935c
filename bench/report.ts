import { availableParallelism, cpus, totalmem } from 'node:os'

/** A column-aligned table; the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |\n`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |\n`
  return line(head) + rule + rows.map(line).join('')
}

export const fixed = (value: number, digits = 2): string => value.toFixed(digits)
export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

export interface Target {
  readonly what: string
  readonly wanted: string
  readonly found: string
  /** `undecided`: the noise of the measurement is larger than the distance to the target. */
  readonly met: boolean | 'undecided' | undefined
}

export function targetTable(targets: readonly Target[]): string {
  const verdict = { true: 'met', false: 'MISSED', undecided: 'UNDECIDED', undefined: 'not measured' }
  return table(
    ['target', 'wanted', 'found', ''],
    targets.map(({ what, wanted, found, met }) => [what, wanted, found, verdict[String(met) as keyof typeof verdict]]),
  )
}

/** What a measurement ran on. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${mebibytes(totalmem())}, Node ${process.version}`

/** Of values in ascending order the one below which so large a part of them lies; 0 of none. */
export const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
