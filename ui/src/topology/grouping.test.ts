import { expect, test } from 'vitest'
import type { ServiceGroup, TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'
import { isBound, shapeOf } from './graph.ts'
import { grouped, groupingOf, groupOfNode } from './grouping.ts'

const figures = (requests: number, errors: number, p99: string | null) => ({
  requests,
  errors,
  rate: requests / 10,
  p50: p99 === null ? null : '1',
  p90: p99 === null ? null : '9',
  p99,
})
const node = (name: string, p99: string | null, type: TopologyNode['type'] = 'service'): TopologyNode => ({
  id: `${type}:${name}`,
  type,
  name,
  system: '',
  ...figures(10, 1, p99),
})
const edge = (source: string, target: string, p99: string | null = '5'): TopologyEdge => ({
  source,
  target,
  totalNanos: 100,
  ...figures(4, 2, p99),
})
const answer: TopologyAnswer = {
  start: '0',
  end: '1',
  relativeError: 0,
  proxies: null,
  service: null,
  nodes: [node('a', '9'), node('b', '10'), node('c', null), node('d', '7'), node('db', '3', 'database')],
  edges: [
    edge('service:a', 'service:b'),
    edge('service:a', 'service:c', '20'),
    edge('service:b', 'service:c', '3'),
    edge('service:c', 'database:db'),
  ],
  more: false,
}
const of = (service: string, value: string | null): ServiceGroup => ({
  service,
  value,
  values: value === null ? 0 : 1,
  spansOfValue: value === null ? 0 : 1,
  spans: 1,
})
// A value that is called like another group, and a service of which nothing was told.
const grouping = groupingOf({
  start: '0',
  end: '1',
  key: 'ns',
  services: [of('a', 'shop'), of('b', 'shop'), of('c', 'unset')],
  more: false,
})
const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id)

test('closed groups are one node each; values are not mistaken for what has none', () => {
  const { nodes, edges, boxes } = grouped(answer, grouping, new Set())
  expect(ids(nodes)).toEqual(['group:value:shop', 'group:value:unset', 'group:unset', 'group:places'])
  expect(nodes.map(({ name }) => name)).toEqual(['shop', 'unset', 'Without ns', 'Databases, topics, hosts'])
  expect(edges.map(({ source, target }) => `${source} ${target}`)).toEqual([
    'group:value:shop group:value:shop',
    'group:value:shop group:value:unset',
    'group:value:unset group:places',
  ])
  expect(boxes).toEqual([])
})

test('counts add up, percentiles are bounds where there is more than one part', () => {
  const { nodes, edges } = grouped(answer, grouping, new Set())
  // As numbers, not as text: '10' is more than '9'.
  expect(nodes[0]).toMatchObject({ requests: 20, errors: 2, rate: 2, p99: '10' })
  expect(nodes.map(isBound)).toEqual([true, false, false, false])
  expect(nodes[1]?.p99).toBeNull()
  expect(edges[1]).toMatchObject({ requests: 8, errors: 4, p99: '20', totalNanos: 200 })
  expect(edges.map(isBound)).toEqual([false, true, false])
})

test('an open group shows its nodes in a box, and the picture is another one', () => {
  const closed = grouped(answer, grouping, new Set())
  const open = grouped(answer, grouping, new Set(['value:shop', 'value:gone']))
  expect(ids(open.nodes)).toEqual(['service:a', 'service:b', 'group:value:unset', 'group:unset', 'group:places'])
  expect(open.boxes).toEqual([{ id: 'group:value:shop', name: 'shop', nodes: ['service:a', 'service:b'] }])
  expect(open.edges).toHaveLength(4)
  expect(open.edges.some(isBound)).toBe(false)
  expect(shapeOf(open)).not.toBe(shapeOf(closed))
  expect(shapeOf(open)).not.toBe(shapeOf({ ...open, boxes: [] }))
})

test('a node that stands for a group tells which', () => {
  expect(groupOfNode('group:value:a:b')).toBe('value:a:b')
  expect(groupOfNode('service:group:x')).toBeUndefined()
})
