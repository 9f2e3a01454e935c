import { count, duration, share, text } from '../numbers/format.ts'
import type { Node } from './model.ts'

const server = 2

/** The time that the proxies took which are folded into a span, in nanoseconds, and the longest of them with theirs. */
export interface HeldTime {
  readonly own: number
  readonly whole: number
}

/**
 * What a proxy took itself before and after its application served a request. Undefined of calls: what a proxy's CLIENT span
 * does not share with the span that it reached may as well be the way there.
 */
export function heldTime({ kind, held }: Node): HeldTime | undefined {
  if (kind !== server || held.length === 0 || held.some(({ invalidTimes }) => invalidTimes)) return undefined
  return {
    own: held.reduce((total, { self }) => total + self, 0),
    whole: held.reduce((most, { duration }) => Math.max(most, duration), 0),
  }
}

/** Says that a row holds proxies' spans, with their share of the time; '' where it holds none. */
export function heldLabel(node: Node): string {
  if (node.held.length === 0) return ''
  const time = heldTime(node)
  return time === undefined || time.whole === 0 ? '+ proxy' : `+ proxy ${text(share(time.own, time.whole))}`
}

/** The same in words. */
export function heldTitle(node: Node): string {
  const { held } = node
  if (held.length === 0) return ''
  const time = heldTime(node)
  const names = [...new Set(held.map(({ service }) => service))].join(', ')
  const spans = `${text(count(held.length))} ${held.length === 1 ? 'span' : 'spans'} of the proxy ${names}`
  const failed = held.some(({ error }) => error) ? '; failed there' : ''
  return time === undefined
    ? `Holds ${spans}${failed}`
    : `Holds ${spans}, which took ${text(duration(Math.round(time.own)))} of ${text(duration(time.whole))} itself${failed}`
}

/** From the earliest start to the latest end of what is folded into a node, in nanoseconds after the trace's start. */
export function heldExtent({ held }: Node): readonly [number, number] | undefined {
  const timed = held.filter(({ invalidTimes }) => !invalidTimes)
  if (timed.length === 0) return undefined
  return [Math.min(...timed.map(({ start }) => start)), Math.max(...timed.map(({ stop }) => stop))]
}
