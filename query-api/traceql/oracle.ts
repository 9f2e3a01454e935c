import { namesOf } from '../questions/renamed.ts'
import type { Sent, TestResource, TestSpan } from '../questions/testing.ts'
import type { Attribute, Comparison, Expression, Literal, Pipeline, Scalar, Spanset, Stage } from './syntax.ts'

// TraceQL once more, span by span and without SQL, for tests: as slow and as plain as can be.

/** The ids of the spans that a query leaves, by trace. Spans count once however often they were sent. */
export function evaluate(
  pipeline: Pipeline,
  spans: readonly TestSpan[],
  resources: readonly TestResource[],
): Map<string, number[]> {
  const out = new Map<string, number[]>()
  for (const [trace, copies] of Map.groupBy(spans, ({ trace }) => trace)) {
    const once = [...new Map(copies.map((span) => [span.id, span])).values()]
    const left = new Oracle(once, resources).stages(pipeline.stages, [once]).flat()
    if (left.length > 0)
      out.set(
        trace,
        [...new Set(left.map(({ id }) => id))].sort((a, b) => a - b),
      )
  }
  return out
}

type Value = string | number | boolean | { readonly status: string } | { readonly kind: string }

class Oracle {
  readonly #trace: readonly TestSpan[]
  readonly #resources: readonly TestResource[]

  constructor(trace: readonly TestSpan[], resources: readonly TestResource[]) {
    this.#trace = trace
    this.#resources = resources
  }

  stages(stages: readonly Stage[], input: readonly (readonly TestSpan[])[]): readonly (readonly TestSpan[])[] {
    let spansets = input
    for (const stage of stages) {
      switch (stage.kind) {
        case 'scalarFilter': {
          const { operator, left, right } = stage
          spansets = spansets.filter((set) => compare(this.#scalar(left, set), operator, this.#scalar(right, set)))
          break
        }
        case 'by':
          spansets = spansets.flatMap((set) => [
            ...Map.groupBy(set, (span) => JSON.stringify(this.#values(stage.of, span)[0] ?? null)).values(),
          ])
          break
        case 'select':
          break
        case 'coalesce':
          spansets = spansets.length === 0 ? [] : [[...new Set(spansets.flat())]]
          break
        default:
          spansets = spansets.map((set) => this.#spanset(stage, set)).filter(({ length }) => length > 0)
      }
    }
    return spansets
  }

  #spanset(spanset: Spanset, input: readonly TestSpan[]): readonly TestSpan[] {
    if (spanset.kind === 'filter') {
      const { condition } = spanset
      return input.filter((span) => condition === undefined || this.#holds(condition, span))
    }
    if (spanset.kind === 'pipeline') return [...new Set(this.stages(spanset.stages, [input]).flat())]
    const [left, right] = [this.#spanset(spanset.left, input), this.#spanset(spanset.right, input)]
    const related = (operator: string, a: TestSpan, b: TestSpan): boolean => {
      switch (operator) {
        case '>':
          return this.#parent(b) === a
        case '<':
          return this.#parent(a) === b
        case '>>':
          return this.#ancestors(b).includes(a)
        case '<<':
          return this.#ancestors(a).includes(b)
        default:
          return a !== b && this.#parent(a) !== undefined && this.#parent(a) === this.#parent(b)
      }
    }
    const { operator } = spanset
    if (operator === '||') return [...new Set([...left, ...right])]
    if (operator === '&&') return left.length === 0 || right.length === 0 ? [] : [...new Set([...left, ...right])]
    const relation = operator.replace(/^[!&]/, '')
    const rights = right.filter((b) => left.some((a) => related(relation, a, b)))
    if (operator.startsWith('!')) return right.filter((b) => !rights.includes(b))
    if (!operator.startsWith('&')) return rights
    return [...new Set([...rights, ...left.filter((a) => right.some((b) => related(relation, a, b)))])]
  }

  #parent(of: TestSpan): TestSpan | undefined {
    return of.parent === 0 || of.parent === of.id ? undefined : this.#trace.find(({ id }) => id === of.parent)
  }
  #ancestors(of: TestSpan): TestSpan[] {
    const parent = this.#parent(of)
    return parent === undefined ? [] : [parent, ...this.#ancestors(parent)]
  }

  #scalar(scalar: Scalar, set: readonly TestSpan[]): number {
    switch (scalar.kind) {
      case 'literal':
        return 'value' in scalar ? Number(scalar.value) : Number.NaN
      case 'scalarNegation':
        return -this.#scalar(scalar.of, set)
      case 'scalarArithmetic':
        return calculate(this.#scalar(scalar.left, set), scalar.operator, this.#scalar(scalar.right, set))
      case 'aggregate': {
        const { of } = scalar
        if (of === undefined) return set.length
        // What cannot have been measured is not added up.
        const measured =
          of.kind === 'intrinsic' && of.name === 'span:duration' ? set.filter(({ invalid }) => !invalid) : set
        const values = measured.flatMap((span) => this.#values(of, span).filter((value) => typeof value === 'number'))
        if (values.length === 0) return Number.NaN
        const sum = values.reduce((a, b) => a + b)
        return {
          count: values.length,
          sum,
          avg: sum / values.length,
          min: Math.min(...values),
          max: Math.max(...values),
        }[scalar.function]
      }
    }
  }

  #holds(expression: Expression, span: TestSpan): boolean {
    switch (expression.kind) {
      case 'unary':
        return !this.#holds(expression.of, span)
      case 'binary': {
        const { operator, left, right } = expression
        if (operator === '&&') return this.#holds(left, span) && this.#holds(right, span)
        if (operator === '||') return this.#holds(left, span) || this.#holds(right, span)
        if (isNil(right) || isNil(left)) {
          const there = this.#values(isNil(right) ? left : right, span).length > 0
          return operator === '=' ? !there : there
        }
        const rights = this.#values(right, span)
        return this.#values(left, span).some((a) => rights.some((b) => compare(a, operator as Comparison, b)))
      }
      default:
        return this.#values(expression, span).includes(true)
    }
  }

  /** What it may stand for: none, or one for each name that a key has. */
  #values(expression: Expression, span: TestSpan): readonly (Value | undefined)[] {
    switch (expression.kind) {
      case 'literal':
        return [literalOf(expression)]
      case 'unary':
        return this.#values(expression.of, span).flatMap((value) => (typeof value === 'number' ? [-value] : []))
      case 'binary': {
        const rights = this.#values(expression.right, span)
        return this.#values(expression.left, span).flatMap((a) =>
          rights.flatMap((b) =>
            typeof a === 'number' && typeof b === 'number' ? [calculate(a, expression.operator, b)] : [],
          ),
        )
      }
      case 'attribute': {
        if (!expression.ofParent) return this.#attribute(expression, span)
        const parent = this.#trace.find(({ id }) => span.parent !== 0 && id === span.parent)
        return parent === undefined ? [] : this.#attribute(expression, parent)
      }
      case 'intrinsic': {
        const times = this.#trace.map(
          ({ start, invalid, duration }) => [start, start + (invalid ? 0n : duration)] as const,
        )
        const roots = this.#trace.filter(({ parent }) => parent === 0)
        switch (expression.name) {
          case 'span:name':
            return [span.name]
          case 'span:duration':
            return [span.invalid ? 0 : Number(span.duration)]
          case 'span:status':
            return [{ status: ['unset', 'ok', 'error'][span.status] ?? '' }]
          case 'span:kind':
            return [{ kind: ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][span.kind] ?? '' }]
          case 'span:childCount':
            return [this.#trace.filter(({ parent }) => parent === span.id).length]
          case 'nestedSetParent':
            return [span.parent === 0 ? -1 : 1]
          case 'parent':
            return span.parent === 0 ? [] : [true]
          case 'trace:duration': {
            const [first, last] = [times.map(([start]) => start), times.map(([, end]) => end)]
            return [Number(last.reduce((a, b) => (a > b ? a : b)) - first.reduce((a, b) => (a < b ? a : b)))]
          }
          case 'trace:rootName':
            return roots.map(({ name }) => name)
          case 'trace:rootService':
            return roots.map(({ service }) => service)
          default:
            throw new Error(`the oracle does not know ${expression.name}`)
        }
      }
    }
  }

  #attribute({ scope, key }: Attribute, span: TestSpan): readonly (Value | undefined)[] {
    const names = namesOf(key)
    const own = names.flatMap((name) => (span.attributes[name] === undefined ? [] : [sentOf(span.attributes[name])]))
    if (scope === 'span' || (scope === 'any' && own.length > 0)) return own
    if (key === 'service.name') return [span.service]
    const held = this.#resources.find(({ id }) => id === span.resource)?.attributes ?? {}
    // Resources hold text: it is a number where it spells one.
    return names.flatMap((name) => (held[name] === undefined ? [] : [held[name]]))
  }
}

const isNil = (expression: Expression): boolean => expression.kind === 'literal' && expression.type === 'nil'

function sentOf(sent: Sent): Value | undefined {
  if ('string' in sent) return sent.string
  if ('int' in sent) return Number(sent.int)
  if ('double' in sent) return sent.double
  if ('bool' in sent) return sent.bool
  return undefined
}

function literalOf(literal: Literal): Value | undefined {
  switch (literal.type) {
    case 'nil':
      return undefined
    case 'status':
      return { status: literal.value }
    case 'kind':
      return { kind: literal.value }
    case 'int':
    case 'duration':
      return Number(literal.value)
    default:
      return literal.value
  }
}

function calculate(a: number, operator: string, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '%':
      return a % b
    default:
      return a ** b
  }
}

function compare(left: Value | undefined, operator: Comparison, right: Value | undefined): boolean {
  if (left === undefined || right === undefined || typeof left !== typeof right) return false
  const [a, b] = [left, right].map((value) => (typeof value === 'object' ? JSON.stringify(value) : value)) as [
    string | number,
    string | number,
  ]
  switch (operator) {
    case '=':
      return a === b
    case '!=':
      return a !== b && a === a && b === b
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
    case '=~':
      return new RegExp(`^(?:${String(b)})$`, 'u').test(String(a))
    case '!~':
      return !new RegExp(`^(?:${String(b)})$`, 'u').test(String(a))
  }
}
