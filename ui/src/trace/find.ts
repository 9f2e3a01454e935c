import type { KeyValue, SpanDetails } from '../../../query-api/types.ts'
import type { Node, TraceModel } from './model.ts'
import type { Sent } from './sent.ts'
import { valueText } from './value.ts'

/**
 * The nodes that match what was typed, in order. All words must occur, in any case, somewhere in the span: name, service,
 * ids, status message, attributes, events; of large traces, whose details are not at hand, in name, service and id.
 * `key=value` asks one attribute (the value may be cut short); `error` alone also means spans with an error. `service:` and
 * `operation:` ask for a whole name, in quotes as `findOperation` writes it. (The server looks for the same words in
 * query-api/questions/trace-words.ts.)
 */
export function findNodes({ nodes, sent }: TraceModel, typed: string): number[] {
  const words = wordsOf(typed)
  if (words.length === 0) return []
  const tests = words.map(testOf)
  const found: number[] = []
  for (const node of nodes) {
    const of = sent.isWhole ? sent.of(node) : undefined
    if (tests.every((test) => test(node, of))) found.push(node.index)
  }
  return found
}

/** What to search for to find the spans of one operation and no others. */
export const findOperation = (service: string, name: string): string =>
  `service:${JSON.stringify(service)} operation:${JSON.stringify(name)}`

/** Such words ask for names alone, which are always at hand. */
export const isOfNames = (word: string): boolean => exact.test(word)

const exact = /^(service|operation):("(?:[^"\\]|\\.)*")$/

export function wordsOf(typed: string): string[] {
  return typed.match(/(?:service|operation):"(?:[^"\\]|\\.)*"(?=\s|$)|\S+/g) ?? []
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    // A backslash that escapes nothing: it was not written by `findOperation`, and is searched for as it stands.
    return undefined
  }
}

type Test = (node: Node, sent: Sent | undefined) => boolean

function testOf(typed: string): Test {
  const [, what, quoted = ''] = exact.exec(typed) ?? []
  const wanted = what === undefined ? undefined : unquoted(quoted)
  if (wanted !== undefined) return ofOperation((service, name) => (what === 'service' ? service : name) === wanted)
  const word = typed.toLowerCase()
  const at = word.indexOf('=')
  if (at > 0) {
    const [key, value] = [word.slice(0, at), word.slice(at + 1)]
    const holds = (attribute: KeyValue): boolean =>
      attribute.key.toLowerCase() === key && valueText(attribute.value).toLowerCase().startsWith(value)
    return (_, sent) =>
      sent !== undefined && (sent.span.attributes.some(holds) || sent.resource?.attributes.some(holds) === true)
  }
  const inside = (text: string): boolean => text.toLowerCase().includes(word)
  const inNames = ofOperation((service, name) => inside(name) || inside(service))
  const mayBeId = /^[0-9a-f]{1,16}$/.test(word)
  const isError = word === 'error'
  return (node, sent) =>
    (isError && node.failed) ||
    inNames(node, sent) ||
    (mayBeId && inside(node.id)) ||
    (sent !== undefined && inSent(sent.span, inside))
}

/** A test of service and name, made once for all spans that have the same. */
function ofOperation(holds: (service: string, name: string) => boolean): Test {
  const known = new Map<number, boolean>()
  return (node) => {
    const { operation, isGhost } = node
    let is = known.get(operation)
    if (is === undefined) known.set(operation, (is = !isGhost && holds(node.service, node.name)))
    return is
  }
}

const inSent = ({ status, attributes, events }: SpanDetails, inside: (text: string) => boolean): boolean =>
  inside(status.message) ||
  inAttributes(attributes, inside) ||
  events.some((event) => inside(event.name) || inAttributes(event.attributes, inside))

const inAttributes = (attributes: readonly KeyValue[], inside: (text: string) => boolean): boolean =>
  attributes.some(({ key, value }) => inside(key) || inside(valueText(value)))
