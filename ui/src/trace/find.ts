import type { KeyValue } from '../../../query-api/types.ts'
import type { Node } from './model.ts'
import { valueText } from './value.ts'

/**
 * The nodes that match what was typed, in order. All words must occur, in any case, somewhere in the span: name, service,
 * ids, status message, attributes, events. `key=value` asks one attribute (the value may be cut short); `error` alone
 * also means spans with an error.
 */
export function findNodes(
  nodes: readonly Node[],
  typed: string,
  resourceOf: (node: Node) => readonly KeyValue[],
): number[] {
  const words = typed
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return []
  const tests = words.map(testOf)
  return nodes.filter((node) => tests.every((test) => test(node, resourceOf))).map((node) => node.index)
}

type Test = (node: Node, resourceOf: (node: Node) => readonly KeyValue[]) => boolean

function testOf(word: string): Test {
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
