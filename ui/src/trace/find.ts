import type { KeyValue } from '../../../query-api/types.ts'
import type { Node } from './model.ts'
import { valueText } from './value.ts'

/**
 * The nodes that match what was typed, in order. All words must occur, in any case, somewhere in the span: name, service,
 * ids, status message, attributes, events. `key=value` asks one attribute (the value may be cut short); `error` alone
 * also means spans with an error. `service:` and `operation:` ask for a whole name, in quotes as `findOperation` writes it.
 */
export function findNodes(
  nodes: readonly Node[],
  typed: string,
  resourceOf: (node: Node) => readonly KeyValue[],
): number[] {
  const words = wordsOf(typed)
  if (words.length === 0) return []
  const tests = words.map(testOf)
  return nodes.filter((node) => tests.every((test) => test(node, resourceOf))).map((node) => node.index)
}

/** What to search for to find the spans of one operation and no others. */
export const findOperation = (service: string, name: string): string =>
  `service:${JSON.stringify(service)} operation:${JSON.stringify(name)}`

const exact = /^(service|operation):("(?:[^"\\]|\\.)*")$/

function wordsOf(typed: string): string[] {
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

type Test = (node: Node, resourceOf: (node: Node) => readonly KeyValue[]) => boolean

function testOf(typed: string): Test {
  const [, what, quoted = ''] = exact.exec(typed) ?? []
  const name = what === undefined ? undefined : unquoted(quoted)
  if (name !== undefined) return ({ span }) => (what === 'service' ? span?.service : span?.name) === name
  const word = typed.toLowerCase()
  const at = word.indexOf('=')
  if (at > 0) {
    const [key, value] = [word.slice(0, at), word.slice(at + 1)]
    const holds = (attribute: KeyValue): boolean =>
      attribute.key.toLowerCase() === key && valueText(attribute.value).toLowerCase().startsWith(value)
    return ({ span, ...node }, resourceOf) =>
      span !== undefined && (span.attributes.some(holds) || resourceOf({ ...node, span }).some(holds))
  }
  const inside = (text: string): boolean => text.toLowerCase().includes(word)
  return (node) => {
    const { span } = node
    if (span === undefined) return inside(node.id)
    return (
      (word === 'error' && node.failed) ||
      inside(span.name) ||
      inside(span.service) ||
      inside(span.spanId) ||
      inside(span.status.message) ||
      span.attributes.some(({ key, value }) => inside(key) || inside(valueText(value))) ||
      span.events.some(
        (event) =>
          inside(event.name) || event.attributes.some(({ key, value }) => inside(key) || inside(valueText(value))),
      )
    )
  }
}
