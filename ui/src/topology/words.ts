import type { RequestFigures } from '../../../query-api/types.ts'
import { duration, rate, share, text } from '../numbers/format.ts'
import {
  edgeId,
  failing,
  isBound,
  type Tone,
  type Word,
  type Words,
  type GraphAnswer,
  type GraphEdge,
  type GraphNode,
} from './graph.ts'

/** What the colours of a graph tell. */
export const colourings = [
  { value: 'errors', label: 'Colour: errors' },
  { value: 'latency', label: 'Colour: latency' },
  { value: 'change', label: 'Colour: change' },
] as const
export type Colouring = (typeof colourings)[number]['value']

const errorsOf = ({ errors, requests }: RequestFigures): Word => ({
  name: 'errors',
  value: text(share(errors, requests)),
  error: errors > 0,
})
const rateOf = (figures: RequestFigures): Word => ({ name: 'rate', value: text(rate(figures.rate)) })
const p99Of = (of: GraphNode | GraphEdge): Word => {
  const value = of.p99 === null ? '–' : text(duration(of.p99))
  // In a node the name has the room, at an edge there stands no name.
  return 'id' in of && isBound(of)
    ? { name: 'p99 ≤', value }
    : { name: 'p99', value: `${isBound(of) ? '≤ ' : ''}${value}` }
}

/**
 * What stands in the graph and how its lines are coloured.
 *
 * @param before the same graph in the window before; only for `change`
 */
export function wordsOf(answer: GraphAnswer, colouring: Colouring, before: GraphAnswer | undefined): Words {
  const plain: Words = {
    label: 'Topology',
    node: (node) => [rateOf(node), errorsOf(node), p99Of(node)],
    edge: (edge) => [
      rateOf(edge),
      ...(edge.p99 === null ? [] : [p99Of(edge)]),
      ...(edge.errors > 0 ? [errorsOf(edge)] : []),
    ],
    service: ({ name }) => name,
    tone: (of) => (failing(of) ? 'error' : 'plain'),
  }
  if (colouring === 'latency') {
    const slowest = answer.edges.reduce((max, { p99 }) => Math.max(max, Number(p99 ?? 0)), 1)
    return { ...plain, tone: ({ p99 }) => (p99 === null ? 'plain' : latencyTone(Number(p99) / slowest)) }
  }
  if (colouring === 'change' && before !== undefined) {
    const nodes = new Map(before.nodes.map((node) => [node.id, node]))
    const edges = new Map(before.edges.map((edge) => [edgeId(edge), edge]))
    const was = (of: GraphNode | GraphEdge): RequestFigures | undefined =>
      'id' in of ? nodes.get(of.id) : edges.get(edgeId(of))
    return {
      ...plain,
      node: (node) => [rateOf(node), errorsOf(node), changeOf(node, was(node))],
      edge: (edge) => [changeOf(edge, was(edge)), rateOf(edge)],
      tone: (of) => changeTone(of, was(of)),
    }
  }
  return plain
}

const latencyTone = (part: number): Tone => (part > 0.5 ? 'high' : part > 0.1 ? 'mid' : 'plain')

/** How much longer the slow ones take, as the factor of the p99s; undefined where either has none. */
function factor(now: GraphNode | GraphEdge, was: RequestFigures | undefined): number | undefined {
  // Bounds do not compare.
  if (isBound(now)) return undefined
  if (was === undefined || was.p99 === null || now.p99 === null || was.p99 === '0') return undefined
  return Number(now.p99) / Number(was.p99)
}

/** Less is what two windows differ by anyway. */
const noticed = 1.25

function changeOf(now: GraphNode | GraphEdge, was: RequestFigures | undefined): Word {
  if (was === undefined || was.requests === 0) return { name: 'change', value: now.requests === 0 ? '–' : 'new' }
  const times = factor(now, was)
  if (times === undefined) return { name: 'change', value: '–' }
  const percent = Math.round((times - 1) * 100)
  return { name: 'change', value: `p99 ${percent > 0 ? '+' : percent < 0 ? '−' : '±'}${Math.abs(percent)} %` }
}

function changeTone(now: GraphNode | GraphEdge, was: RequestFigures | undefined): Tone {
  if (was === undefined || was.requests === 0) return now.requests === 0 ? 'plain' : 'high'
  const errors = now.errors / Math.max(1, now.requests) - was.errors / Math.max(1, was.requests)
  if (errors > 0.01) return 'error'
  const times = factor(now, was) ?? 1
  return times > noticed ? 'high' : times < 1 / noticed ? 'mid' : 'plain'
}

/** What the colours say, in words. */
export const legendOf: Readonly<Record<Colouring, readonly (readonly [tone: Tone, meaning: string])[]>> = {
  errors: [['error', '1 % or more fail']],
  latency: [
    ['high', 'p99 above half of the slowest'],
    ['mid', 'above a tenth'],
  ],
  change: [
    ['error', '1 % more fail than in the window before'],
    ['high', 'slower by a quarter, or new'],
    ['mid', 'faster by a fifth'],
  ],
}
