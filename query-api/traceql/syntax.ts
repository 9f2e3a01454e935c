/**
 * TraceQL as a tree, in the words of its reference (Grafana Tempo, "TraceQL metrics and traces"). Every node knows where it
 * stands in the text, so that what is wrong or not supported can be pointed at.
 */

/** Of UTF-16 code units, `end` not included. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** `a | b | c`: each stage takes the spansets of the one before; the first takes one spanset for each trace, with all its spans. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly stages: readonly Stage[]
  readonly place: Place
}

export type Stage = Spanset | ScalarFilter | By | Coalesce

/** What leaves of each spanset those spans that match; spansets without any are dropped. */
export type Spanset = SpanFilter | SpansetOperation | Pipeline

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
