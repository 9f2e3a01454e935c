import type { TypedValue } from '../types.ts'
import {
  isSpanset,
  type Expression,
  type Pipeline,
  type Scalar,
  type ScalarFilter,
  type SpanFilter,
  type Spanset,
  type SpansetOperator,
  type Stage,
} from './syntax.ts'
import { keyOf } from './values.ts'

/** The spans of one trace, each once, in columns. */
export interface TraceRows {
  /** Row of the parent, -1 where there is none or it is missing. */
  readonly parents: Int32Array
  /** Bit i: the span is one of `filters[i]` of the plan. */
  readonly masks: Uint32Array
  /** One column for each of the plan's `numbers`; NaN: none. */
  readonly numbers: readonly Float64Array[]
  /** One column for each of the plan's `groups`; undefined: none. */
  readonly groups: readonly (readonly (TypedValue | undefined)[])[]
}

/** What must be asked of each span for a pipeline to be decided. */
export interface Plan {
  readonly filters: readonly SpanFilter[]
  readonly numbers: readonly Expression[]
  readonly groups: readonly Expression[]
}

export function planOf(pipeline: Pipeline): Plan {
  const plan = { filters: [] as SpanFilter[], numbers: [] as Expression[], groups: [] as Expression[] }
  const ofScalar = (scalar: Scalar): void => {
    if (scalar.kind === 'aggregate' && scalar.of !== undefined) plan.numbers.push(scalar.of)
    if (scalar.kind === 'scalarNegation') ofScalar(scalar.of)
    if (scalar.kind === 'scalarArithmetic') [scalar.left, scalar.right].forEach(ofScalar)
  }
  const ofStage = (stage: Stage): void => {
    if (stage.kind === 'filter') plan.filters.push(stage)
    if (stage.kind === 'spansets') [stage.left, stage.right].forEach(ofStage)
    if (stage.kind === 'pipeline') stage.stages.forEach(ofStage)
    if (stage.kind === 'by') plan.groups.push(stage.of)
    if (stage.kind === 'scalarFilter') [stage.left, stage.right].forEach(ofScalar)
  }
  ofStage(pipeline)
  return plan
}

/**
 * Which filters a trace must have spans of, for the pipeline to find anything in it, as SQL over the bits that its spans
 * have together (`bits`). It may hold for traces in which nothing is found, never the other way round.
 */
export function required(plan: Plan, pipeline: Pipeline): string {
  const of = (spanset: Spanset): string => {
    switch (spanset.kind) {
      case 'filter':
        return `bitTest(bits, ${plan.filters.indexOf(spanset)})`
      case 'spansets': {
        const [left, right] = [of(spanset.left), of(spanset.right)]
        if (spanset.operator === '||') return `(${left} OR ${right})`
        return spanset.operator.startsWith('!') ? right : `(${left} AND ${right})`
      }
      case 'pipeline': {
        const spansets = spanset.stages.filter(isSpanset).map(of)
        return spansets.length === 0 ? 'true' : `(${spansets.join(' AND ')})`
      }
    }
  }
  return of(pipeline)
}

/** The spansets that the pipeline leaves, as rows in their order. */
export function walk(plan: Plan, pipeline: Pipeline, trace: TraceRows): readonly Rows[] {
  const whole = Array.from(trace.parents, (_, row) => row)
  return new Walk(plan, trace).stages(pipeline.stages, [whole])
}

export type Rows = readonly number[]

class Walk {
  readonly #plan: Plan
  readonly #trace: TraceRows

  constructor(plan: Plan, trace: TraceRows) {
    this.#plan = plan
    this.#trace = trace
  }

  stages(stages: readonly Stage[], input: readonly Rows[]): readonly Rows[] {
    let spansets = input
    for (const stage of stages) {
      if (isSpanset(stage))
        spansets = spansets.map((rows) => this.#spanset(stage, rows)).filter(({ length }) => length > 0)
      else if (stage.kind === 'scalarFilter') spansets = spansets.filter((rows) => this.#holds(stage, rows))
      else if (stage.kind === 'coalesce') spansets = spansets.length === 0 ? [] : [union(spansets)]
      else if (stage.kind === 'by') {
        const values = this.#trace.groups[this.#plan.groups.indexOf(stage.of)] ?? []
        spansets = spansets.flatMap((rows) => [...Map.groupBy(rows, (row) => keyOf(values[row])).values()])
      }
    }
    return spansets
  }

  #spanset(spanset: Spanset, input: Rows): Rows {
    switch (spanset.kind) {
      case 'filter': {
        const bit = 1 << this.#plan.filters.indexOf(spanset)
        return input.filter((row) => ((this.#trace.masks[row] ?? 0) & bit) !== 0)
      }
      case 'pipeline':
        return union(this.stages(spanset.stages, [input]))
      case 'spansets': {
        const [left, right] = [this.#spanset(spanset.left, input), this.#spanset(spanset.right, input)]
        if (spanset.operator === '||') return union([left, right])
        if (spanset.operator === '&&') return left.length === 0 || right.length === 0 ? [] : union([left, right])
        return this.#related(spanset.operator, left, right)
      }
    }
  }

  #related(operator: SpansetOperator, left: Rows, right: Rows): Rows {
    const relation = operator.replace(/^[!&]/, '') as Relation
    const found = this.#those(relation, left, right)
    if (operator.startsWith('!')) {
      const related = new Set(found)
      return right.filter((row) => !related.has(row))
    }
    return operator.startsWith('&') ? union([found, this.#those(inverse[relation], right, left)]) : found
  }

  /** Rows of `right` that are so related to one of `left`. */
  #those(relation: Relation, left: Rows, right: Rows): Rows {
    const { parents } = this.#trace
    const of = this.#marked(left)
    const parentOf = (row: number): number => parents[row] ?? -1
    switch (relation) {
      case '>':
        return right.filter((row) => of[parentOf(row)] === 1)
      case '<': {
        const isParent = this.#marked(left.map(parentOf))
        return right.filter((row) => isParent[row] === 1)
      }
      case '>>': {
        const below = this.#below(of)
        return right.filter((row) => below[row] === yes)
      }
      case '<<': {
        const above = this.#above(left)
        return right.filter((row) => above[row] === 1)
      }
      case '~': {
        const children = new Map<number, number>()
        for (const row of left) children.set(parentOf(row), (children.get(parentOf(row)) ?? 0) + 1)
        children.delete(-1)
        // Nobody is a sibling of itself.
        return right.filter((row) => (children.get(parentOf(row)) ?? 0) > (of[row] ?? 0))
      }
    }
  }

  #marked(rows: Rows): Uint8Array {
    const marks = new Uint8Array(this.#trace.parents.length)
    for (const row of rows) if (row >= 0) marks[row] = 1
    return marks
  }

  /** Of every row, whether an ancestor is marked. Each is decided once, however deep the trace; a cycle ends itself. */
  #below(of: Uint8Array): Uint8Array {
    const { parents } = this.#trace
    const state = new Uint8Array(parents.length)
    const path: number[] = []
    for (let row = 0; row < parents.length; row++) {
      let at = row
      while (state[at] === unknown) {
        state[at] = visiting
        path.push(at)
        const parent = parents[at] ?? -1
        if (parent < 0) break
        at = parent
      }
      for (let last = path.pop(); last !== undefined; last = path.pop()) {
        const parent = parents[last] ?? -1
        state[last] = parent >= 0 && (of[parent] === 1 || state[parent] === yes) ? yes : no
      }
    }
    return state
  }

  #above(rows: Rows): Uint8Array {
    const { parents } = this.#trace
    const marks = new Uint8Array(parents.length)
    for (const row of rows) {
      for (let at = parents[row] ?? -1; at >= 0 && marks[at] === 0; at = parents[at] ?? -1) marks[at] = 1
    }
    return marks
  }

  #holds({ operator, left, right }: ScalarFilter, rows: Rows): boolean {
    return holds(this.#scalar(left, rows), operator, this.#scalar(right, rows))
  }

  #scalar(scalar: Scalar, rows: Rows): number {
    switch (scalar.kind) {
      case 'literal':
        return 'value' in scalar ? Number(scalar.value) : Number.NaN
      case 'scalarNegation':
        return -this.#scalar(scalar.of, rows)
      case 'scalarArithmetic': {
        const [a, b] = [this.#scalar(scalar.left, rows), this.#scalar(scalar.right, rows)]
        return { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '%': a % b, '^': a ** b }[scalar.operator]
      }
      case 'aggregate': {
        if (scalar.of === undefined) return rows.length
        const column = this.#trace.numbers[this.#plan.numbers.indexOf(scalar.of)]
        const values = rows.map((row) => column?.[row] ?? Number.NaN).filter((value) => !Number.isNaN(value))
        if (values.length === 0) return Number.NaN
        const sum = values.reduce((total, value) => total + value, 0)
        switch (scalar.function) {
          case 'sum':
            return sum
          case 'avg':
            return sum / values.length
          case 'min':
            return values.reduce((a, b) => Math.min(a, b))
          case 'max':
            return values.reduce((a, b) => Math.max(a, b))
          case 'count':
            return values.length
        }
      }
    }
  }
}

type Relation = '>' | '>>' | '<' | '<<' | '~'
const inverse = { '>': '<', '<': '>', '>>': '<<', '<<': '>>', '~': '~' } as const satisfies Record<Relation, Relation>
const [unknown, visiting, no, yes] = [0, 1, 2, 3]

/** Of two numbers: a mean of nothing is none, and compares with none. */
export function holds(a: number, operator: ScalarFilter['operator'], b: number): boolean {
  switch (operator) {
    case '=':
      return a === b
    case '!=':
      return a !== b && !Number.isNaN(a) && !Number.isNaN(b)
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
  }
}

export const union = (spansets: readonly Rows[]): number[] => [...new Set(spansets.flat())].sort((a, b) => a - b)
