/**
 * TraceQL as a tree, in the words of its reference (Grafana Tempo, "TraceQL metrics and traces"). Every node knows where it
 * stands in the text, so that what is wrong or not supported can be pointed at.
 */

/** Of UTF-16 code units, `end` not included. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** A query as a whole: a search for traces or, with `metrics`, for figures over time. */
export interface Query {
  readonly pipeline: Pipeline
  readonly metrics?: Metrics
  readonly hints: readonly Hint[]
}

/** `with (name = value)`. */
export interface Hint {
  readonly name: string
  readonly value: Literal
  readonly place: Place
}

/** `a | b | c`: each stage takes the spansets of the one before; the first takes one spanset for each trace, with all its spans. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly stages: readonly Stage[]
  readonly place: Place
}

export type Stage = Spanset | ScalarFilter | By | Coalesce | Select

/** What leaves of each spanset those spans that match; spansets without any are dropped. */
export type Spanset = SpanFilter | SpansetOperation | Pipeline

export const isSpanset = (stage: Stage): stage is Spanset =>
  stage.kind === 'filter' || stage.kind === 'spansets' || stage.kind === 'pipeline'

/** `{ condition }`; without a condition every span. */
export interface SpanFilter {
  readonly kind: 'filter'
  readonly condition?: Expression
  readonly place: Place
}

/**
 * - `&&`: both sides have spans: the spans of both; `||`: the spans of either.
 * - Structural: spans of the right side that stand so to a span of the left: `>` child of, `>>` descendant of, `<` parent
 *   of, `<<` ancestor of, `~` sibling of. With `!` those that do not; with `&` the spans of both sides that stand so.
 */
export type SpansetOperator =
  '&&' | '||' | '>' | '>>' | '<' | '<<' | '~' | '!>' | '!>>' | '!<' | '!<<' | '!~' | '&>' | '&>>' | '&<' | '&<<' | '&~'

export interface SpansetOperation {
  readonly kind: 'spansets'
  readonly operator: SpansetOperator
  readonly left: Spanset
  readonly right: Spanset
  readonly place: Place
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=' | '=~' | '!~'
const comparisons: ReadonlySet<string> = new Set<Comparison>(['=', '!=', '<', '<=', '>', '>=', '=~', '!~'])
export const isComparison = (operator: string): operator is Comparison => comparisons.has(operator)

export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '^'

/** `count() > 2`: keeps the spansets for which it holds. */
export interface ScalarFilter {
  readonly kind: 'scalarFilter'
  readonly operator: Exclude<Comparison, '=~' | '!~'>
  readonly left: Scalar
  readonly right: Scalar
  readonly place: Place
}

/** One number for a spanset. */
export type Scalar = Aggregate | ScalarArithmetic | ScalarNegation | Literal

export interface Aggregate {
  readonly kind: 'aggregate'
  readonly function: 'count' | 'avg' | 'min' | 'max' | 'sum'
  /** None for `count()`. */
  readonly of?: Expression
  readonly place: Place
}

export interface ScalarArithmetic {
  readonly kind: 'scalarArithmetic'
  readonly operator: Arithmetic
  readonly left: Scalar
  readonly right: Scalar
  readonly place: Place
}

export interface ScalarNegation {
  readonly kind: 'scalarNegation'
  readonly of: Scalar
  readonly place: Place
}

/** Splits each spanset by the value. */
export interface By {
  readonly kind: 'by'
  readonly of: Expression
  readonly place: Place
}

/** Puts a trace's spansets together again. */
export interface Coalesce {
  readonly kind: 'coalesce'
  readonly place: Place
}

/** Fields that are answered with each span. */
export interface Select {
  readonly kind: 'select'
  readonly fields: readonly Field[]
  readonly place: Place
}

/** `| rate() by (field) | topk(5)`: figures of the spans that the pipeline leaves, for each step of time. */
export interface Metrics {
  readonly first: OverTime | Compare
  readonly after: readonly (Best | ValueFilter)[]
}

export interface OverTime {
  readonly kind: 'overTime'
  readonly function:
    | 'rate'
    | 'count_over_time'
    | 'min_over_time'
    | 'max_over_time'
    | 'avg_over_time'
    | 'sum_over_time'
    | 'quantile_over_time'
    | 'histogram_over_time'
  /** None for `rate()` and `count_over_time()`. */
  readonly of?: Field
  /** Of `quantile_over_time`: 0 to 1, at least one. */
  readonly quantiles: readonly number[]
  readonly by: readonly Field[]
  readonly place: Place
}

/** `compare({ selection }, top, start, end)`: how often each value of each attribute is there, in the selection and beside it. */
export interface Compare {
  readonly kind: 'compare'
  readonly selection: SpanFilter
  /** Values of each attribute that are told. */
  readonly top: number
  /** The selection's window, in nanoseconds; without it all of the time asked. */
  readonly window?: { readonly start: bigint; readonly end: bigint }
  readonly place: Place
}

/** At each step only the largest, or smallest, so many. */
export interface Best {
  readonly kind: 'topk' | 'bottomk'
  readonly count: number
  readonly place: Place
}

/** `> 10`: only the values for which it holds. */
export interface ValueFilter {
  readonly kind: 'valueFilter'
  readonly operator: ScalarFilter['operator']
  readonly value: number
  readonly place: Place
}

/** Of one span. */
export type Expression = Literal | Field | Binary | Unary

export interface Binary {
  readonly kind: 'binary'
  readonly operator: Comparison | Arithmetic | '&&' | '||'
  readonly left: Expression
  readonly right: Expression
  readonly place: Place
}

export interface Unary {
  readonly kind: 'unary'
  readonly operator: '!' | '-'
  readonly of: Expression
  readonly place: Place
}

export type Status = 'unset' | 'ok' | 'error'
export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer'

export type Value =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  /** In nanoseconds. */
  | { readonly type: 'duration'; readonly value: bigint }
  | { readonly type: 'status'; readonly value: Status }
  | { readonly type: 'kind'; readonly value: SpanKind }
  | { readonly type: 'nil' }

export const isNumber = <V extends Value>(value: V): value is V & NumberValue =>
  value.type === 'int' || value.type === 'float' || value.type === 'duration'
type NumberValue = Extract<Value, { value: bigint | number }>

export type Literal = Value & { readonly kind: 'literal'; readonly place: Place }

export type Field = Intrinsic | Attribute

/**
 * What every span has, under one name: `duration` and `span:duration` are the same. Names as the scoped form writes them.
 */
export type IntrinsicName =
  | 'span:name'
  | 'span:duration'
  | 'span:status'
  | 'span:statusMessage'
  | 'span:kind'
  | 'span:id'
  | 'span:parentID'
  | 'span:childCount'
  | 'trace:id'
  | 'trace:duration'
  | 'trace:rootName'
  | 'trace:rootService'
  | 'event:name'
  | 'event:timeSinceStart'
  | 'link:spanID'
  | 'link:traceID'
  | 'instrumentation:name'
  | 'instrumentation:version'
  | 'nestedSetLeft'
  | 'nestedSetRight'
  | 'nestedSetParent'
  /** The parent itself: only to be compared with nil. */
  | 'parent'

export interface Intrinsic {
  readonly kind: 'intrinsic'
  readonly name: IntrinsicName
  readonly place: Place
}

export type AttributeScope = 'any' | 'span' | 'resource' | 'event' | 'link' | 'instrumentation'

/** `.key`, `span.key`, `resource."any key"`, … */
export interface Attribute {
  readonly kind: 'attribute'
  readonly scope: AttributeScope
  readonly key: string
  /** `parent.key`, `parent.span.key`: of the span's parent. */
  readonly ofParent: boolean
  readonly place: Place
}
