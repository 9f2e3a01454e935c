import { expect, test } from 'vitest'
import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'
import { around, boundsOf, curve, edgeId, failing, neighbours, pointAt, shapeOf, thickness, tracesOf } from './graph.ts'

const figures = { requests: 10, errors: 0, rate: 1, p50: '1', p90: '1', p99: '1' }
const node = (id: string): TopologyNode => ({ id, type: 'service', name: id, system: '', ...figures })
const edge = (source: string, target: string, requests = 10, errors = 0): TopologyEdge => ({
  source,
  target,
  ...figures,
  totalNanos: 1,
  requests,
  errors,
})
const answer: TopologyAnswer = {
  start: '0',
  end: '1',
  relativeError: 0,
  proxies: null,
  service: null,
  nodes: [node('a'), node('b'), node('c')],
  edges: [edge('a', 'b', 5), edge('a', 'c', 50), edge('c', 'b')],
  more: false,
}

test('figures change, the shape does not', () => {
  const busier = { ...answer, nodes: answer.nodes.map((one) => ({ ...one, requests: 99 })).toReversed() }
  expect(shapeOf(busier)).toBe(shapeOf(answer))
  expect(shapeOf({ ...answer, edges: [] })).not.toBe(shapeOf(answer))
})

test('neighbours, busiest first', () => {
  expect(neighbours(answer, 'a').outgoing.map(({ target }) => target)).toEqual(['c', 'b'])
  expect(neighbours(answer, 'b').incoming.map(({ source }) => source)).toEqual(['c', 'a'])
})

test('thickness goes with the power of ten', () => {
  expect(thickness(1000, 1000)).toBe(5)
  expect(thickness(0, 1000)).toBe(1)
  expect(thickness(10, 1000)).toBeLessThan(thickness(100, 1000))
  expect(thickness(1, 1e9)).toBe(1)
})

test('an edge is red from one error in a hundred', () => {
  expect(failing(edge('a', 'b', 1000, 9))).toBe(false)
  expect(failing(edge('a', 'b', 1000, 10))).toBe(true)
  expect(failing(edge('a', 'b', 0, 0))).toBe(false)
})

test('a curve goes through its points, and a place on it is found by x', () => {
  const points = [
    { x: 0, y: 0 },
    { x: 100, y: 50 },
    { x: 200, y: 50 },
  ]
  expect(curve(points)).toBe('M 0 0 C 50 0, 50 50, 100 50 C 150 50, 150 50, 200 50')
  expect(pointAt(points, 50)?.y).toBeCloseTo(25)
  expect(pointAt(points, 150)).toEqual({ x: 150, y: expect.closeTo(50) as number })
  expect(pointAt(points, -5)).toEqual({ x: 0, y: 0 })
  expect(pointAt(points.toReversed(), 50)?.y).toBeCloseTo(25)
})

test('where the traces of a node are found', () => {
  expect(tracesOf(node('cart'))).toEqual({ service: 'cart' })
  expect(tracesOf({ ...node('x'), type: 'queue', name: 'orders', system: 'kafka' })).toEqual({
    attribute: ['messaging.destination.name=orders'],
  })
})

test('the bounds hold whole nodes, and the bends of the edges between them', () => {
  const layout = {
    nodes: { a: { x: 0, y: 0 }, b: { x: 100, y: 20 }, c: { x: 50, y: 500 } },
    bends: { [edgeId({ source: 'a', target: 'b' })]: [{ x: 40, y: 90 }] },
    boxes: {},
  }
  const size = { width: 20, height: 10 }
  expect(boundsOf(layout, size)).toEqual({ x: -10, y: -5, width: 120, height: 510 })
  const box = { x: -20, y: -30, width: 150, height: 60 }
  expect(boundsOf({ ...layout, boxes: { box } }, size)).toEqual({ x: -20, y: -30, width: 150, height: 535 })
  expect(boundsOf(layout, size, new Set(['a', 'b']))).toEqual({ x: -10, y: -5, width: 120, height: 95 })
  expect(boundsOf(layout, size, new Set(['a']))).toEqual({ x: -10, y: -5, width: 20, height: 10 })
  expect(boundsOf(layout, size, new Set())).toEqual({ x: 0, y: 0, width: 0, height: 0 })
})

test('the part of a graph around a node, so many calls away, up or down', () => {
  const chain = {
    ...answer,
    nodes: ['a', 'b', 'c', 'd', 'lone'].map(node),
    edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'd'), edge('d', 'b')],
  }
  const ids = (hops: number, way: 'both' | 'up' | 'down'): string =>
    around(chain, 'b', hops, way)
      .nodes.map(({ id }) => id)
      .join('')
  expect([ids(1, 'both'), ids(1, 'up'), ids(1, 'down'), ids(2, 'up'), ids(9, 'both')]).toEqual([
    'abcd',
    'abd',
    'bc',
    'abcd',
    'abcd',
  ])
  expect(around(chain, 'b', 1, 'down').edges).toEqual([edge('b', 'c')])
  expect(around(chain, 'lone', 3, 'both')).toMatchObject({ nodes: [node('lone')], edges: [] })
})
