import { InvalidArgumentError } from 'commander'

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

/** Bytes from `512MiB`, `20GB` or a plain number, at least 1: nothing here means "no limit" by 0. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text)
  const unit = byteUnits[match?.[2]?.toUpperCase() ?? '-']
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? NaN))
  if (!(bytes >= 1)) throw new InvalidArgumentError('Expected a size above 0 such as 512MiB or 20GB.')
  return bytes
}

/** What a process can live in, as `parseBytes` reads it. */
export function parseMemory(text: string): number {
  const bytes = parseBytes(text)
  if (bytes < 256 * 2 ** 20) throw new InvalidArgumentError('Expected at least 256MiB.')
  return bytes
}

/** A part of the volume (0 to 1) from `80%`, or bytes as `parseBytes` reads them. */
export function parseDiskLimit(text: string): { readonly fraction: number } | { readonly bytes: number } {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text)
  if (!match) return { bytes: parseBytes(text) }
  const fraction = Number(match[1]) / 100
  if (fraction <= 0 || fraction > 1) throw new InvalidArgumentError('Expected a percentage above 0 and up to 100.')
  return { fraction }
}

/** Whole days from `7d` or `7`; at least 1. */
export function parseDays(text: string): number {
  const match = /^(\d{1,5})d?$/.exec(text)
  const days = Number(match?.[1])
  if (!match || days < 1) throw new InvalidArgumentError('Expected a number of days, at least 1, such as 7d.')
  return days
}

/** Whole seconds from `10s` or `10`, at most an hour. */
export function parseSeconds(text: string): number {
  const match = /^(\d{1,4})s?$/.exec(text)
  const seconds = Number(match?.[1])
  if (!match || seconds > 3_600) throw new InvalidArgumentError('Expected a number of seconds up to 3600, such as 10s.')
  return seconds
}

/** `true`, `on`, `yes`, `1`, or their opposites; an empty variable is off. */
export function parseSwitch(text: string): boolean {
  if (/^(true|on|yes|1)$/i.test(text)) return true
  if (/^(false|off|no|0|)$/i.test(text)) return false
  throw new InvalidArgumentError('Expected true or false.')
}
