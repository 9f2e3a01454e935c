/**
 * The answers of the HTTP API, as the UI and any other client read them. Types only: nothing here runs.
 *
 * Rules that hold everywhere: 64-bit integers (times, lengths in nanoseconds, attribute integers) are strings of decimal
 * digits; counts are numbers (they stay below 2^53); NaN and infinities are the strings "NaN", "Infinity", "-Infinity";
 * ids are lower-case hex; a window is [start, end) over the start times of spans.
 */

/** A 64-bit integer in decimal digits. */
export type Int64Text = string
/** Nanoseconds since the Unix epoch, in decimal digits. */
export type TimeText = Int64Text
/** A length in nanoseconds, in decimal digits. */
export type NanosText = Int64Text

/** Every answer that is not 2xx. */
export interface ErrorAnswer {
  error: {
    code: string
    message: string
    /** Where in a query (`q`) it is wrong: UTF-16 code units, `end` not included. */
    place?: { start: number; end: number }
  }
}

/** The window that was asked, as it was understood. */
export interface Window {
  start: TimeText
  end: TimeText
}

// ---------------------------------------------------------------------------------------------- figures

/**
 * What is told of a set of requests. A request is a SERVER or CONSUMER span, or an INTERNAL span that is a root; an
 * error is one with status ERROR. Percentiles are exact (the value at index floor(p·n) of the n sorted durations), over
 * requests whose times make sense (0 < start <= end), and null where there is none.
 *
 * Where sampling left out requests, each that was kept counts for as many as its probability (`th` in its tracestate) says:
 * the figures are then an estimate (docs/sampling.md), rounded.
 */
export interface RequestFigures {
  requests: number
  errors: number
  /** Requests per second of the window. */
  rate: number
  p50: NanosText | null
  p90: NanosText | null
  p99: NanosText | null
  /** How many stored requests that is reckoned from; absent where each stands for itself alone. */
  kept?: number
}

/**
 * Whether the spans of an application's own proxies (docs/proxies.md) are told as the application's, once, or as spans
 * like all others.
 */
export type Proxies = 'folded' | 'shown'

/** What is answered from sums where the window is wide, and from the spans themselves where it is not. */
export interface Summed {
  /** How far percentiles may be from the exact ones, as a part of them; 0: they are exact. Counts have no error but that of sampling. */
  relativeError: number
}

/** What is told with an application's proxies folded into it, or with all spans as they are. */
export interface Folded {
  /** null: no proxy sent a span, so there is nothing to fold. */
  proxies: Proxies | null
}

/** GET /api/services */
export interface ServicesAnswer extends Window, Summed, Folded {
  /** Every service with a span in the window, most requests first. */
  services: ServiceRow[]
  /** More services exist than are listed. */
  more: boolean
}
export interface ServiceRow extends RequestFigures {
  name: string
  /** Spans of every kind. */
  spans: number
}

/** GET /api/services/{name}/operations */
export interface OperationsAnswer extends Window, Summed {
  service: string
  /** Every span name of the service, most requests first; `requests` is 0 for those that serve nobody. */
  operations: OperationRow[]
  /** More operations exist than are listed. */
  more: boolean
}
export interface OperationRow extends RequestFigures {
  name: string
  /** Spans of that name, of every kind, requests included. */
  spans: number
  /** How many of these have status ERROR. */
  spanErrors: number
}

/** GET /api/services/{name}: its requests over time. */
export interface ServiceAnswer extends Window, Summed, Folded {
  service: string
  step: NanosText
  /** The end of each step, which holds (time - step, time], from sums [time - step, time); the figures below by place in it. */
  times: TimeText[]
  spans: number[]
  requests: number[]
  errors: number[]
  /** Of `requests` those that are stored; absent where each stands for itself alone. */
  kept?: number[]
  p50: (NanosText | null)[]
  p90: (NanosText | null)[]
  p99: (NanosText | null)[]
  /** Durations of all its requests added up. */
  busyNanos: number
}

/** GET /api/services/{name}/instances */
export interface ServiceInstancesAnswer extends Window {
  service: string
  versions: ServiceInstance[]
  /** By service.instance.id, k8s.pod.name, container.id or host.name, the first that is there. */
  instances: ServiceInstance[]
  /** More exist than are listed. */
  more: boolean
}
/** The spans of one version or instance; '' as its name: it says none. */
export interface ServiceInstance extends RequestFigures {
  name: string
  spans: number
  /** Of its spans in the window. */
  firstSeenUnixNano: TimeText
  lastSeenUnixNano: TimeText
}

/** GET /api/services/{name}/statements */
export interface ServiceStatementsAnswer extends Window {
  service: string
  /** Those that take most time together first. */
  statements: ServiceStatement[]
  more: boolean
}
/** Calls of a database with one statement; `requests` are the calls. */
export interface ServiceStatement extends RequestFigures {
  system: string
  /** Address and namespace, as far as the spans name them. */
  instance: string
  /** With its literals taken out; the span's name where no statement was sent. */
  statement: string
  /** A name of its spans. */
  operation: string
  totalNanos: number
  slowestTraceId: string
}

/** GET /api/services/{name}/queues */
export interface ServiceQueuesAnswer extends Window {
  service: string
  /** Those that take most time together first. */
  queues: ServiceQueue[]
  more: boolean
}
/** What a service does with the messages of one topic or queue; `requests` are its spans of it. */
export interface ServiceQueue extends RequestFigures {
  system: string
  /** '' where the spans name only the system. */
  destination: string
  /** `send`, `receive`, `process`, …; '' where nothing tells. */
  operation: string
  totalNanos: number
  slowestTraceId: string
}

/** GET /api/services/{name}/critical */
export interface ServiceCriticalAnswer extends Window {
  service: string
  /** The span name of the requests; null for all. */
  operation: string | null
  /** In the window, with times that make sense. */
  requests: number
  /** Those of the slowest twentieth that were looked at. */
  slow: CriticalGroup
  /** Those of the middle half that were looked at. */
  ordinary: CriticalGroup
  /** What costs the slow ones most beyond the ordinary ones first. */
  parts: CriticalPart[]
  more: boolean
}
export interface CriticalGroup {
  /** How many were looked at. */
  requests: number
  meanNanos: NanosText | null
  /** Durations of what is counted among them; `toNanos` null for no limit. */
  fromNanos: NanosText
  toNanos: NanosText | null
}
/** Time on critical paths that spans of one service, name and kind have for themselves. */
export interface CriticalPart {
  service: string
  name: string
  /** OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  /**
   * `own`: code of the service asked for; `service`: of another; `database`, `queue`: in a call of one; `outside`: in a
   * call of what sends no spans; `call`: in a call beside what its callee's spans cover, such as the way there and back.
   */
  what: 'own' | 'service' | 'database' | 'queue' | 'outside' | 'call'
  /** Of databases and queues: `postgresql`, `kafka`, …; '' where none is named. */
  system: string
  /** Mean of all requests that were looked at, whether it stands on their path or not. */
  slowNanos: number
  ordinaryNanos: number
  /** Requests on whose path it stands. */
  slowOn: number
  ordinaryOn: number
  /** Where it stands longest, in a slow one if there is one. */
  traceId: string
  spanId: string
}

/** GET /api/services/{name}/hosts */
export interface ServiceHostsAnswer extends Window {
  service: string
  /** Those that take most time together first. */
  hosts: ServiceHost[]
  more: boolean
}
/** Calls of a host that sent no span of them, by the name of the calling span; `requests` are the calls. */
export interface ServiceHost extends RequestFigures {
  host: string
  operation: string
  totalNanos: number
  slowestTraceId: string
}

/** GET /api/services/{name}/exceptions */
export interface ServiceExceptionsAnswer extends Window {
  service: string
  /** The most frequent first. */
  exceptions: ServiceException[]
  more: boolean
}
/** Exceptions of one type and place in the stack. */
export interface ServiceException {
  type: string
  /** The frame that threw it; '' where the stack tells none. */
  place: string
  count: number
  firstSeenUnixNano: TimeText
  lastSeenUnixNano: TimeText
  /** Of the latest. */
  message: string
  stack: string
  operation: string
  example: { traceId: string; spanId: string }
  /** Of the service, some of them. */
  versions: string[]
}

// ---------------------------------------------------------------------------------------------- search

/** GET /api/traces */
export interface TracesAnswer extends Window {
  order: 'newest' | 'slowest'
  limit: number
  /**
   * Newest: those with the latest matching spans, by their own start. Slowest: those with the longest matching spans, by
   * their own duration.
   */
  traces: TraceSummary[]
  /** More traces match than are listed. */
  more: boolean
  /** Not all traces that might match were looked at: there were too many for one question. */
  cut: boolean
  /** How many traces match; only when `count=true` was asked, and not where a query is about whole traces and there are more. */
  total: number | null
  /** When nothing matched: how many spans start in the window, whatever the filter; else null. */
  spansInWindow: number | null
}

/** A trace as a whole; of very long ones, what starts within an hour of the page's first and last match. */
export interface TraceSummary {
  traceId: string
  /** Of the root span (the earliest without a parent); without one, of the earliest span. */
  rootService: string
  rootName: string
  /** False when no span without a parent has arrived. */
  hasRoot: boolean
  /** Of the earliest span. */
  startTimeUnixNano: TimeText
  /** From the earliest start to the latest end. */
  durationNanos: NanosText
  /** Spans, each counted once however often it was sent. */
  spanCount: number
  errorCount: number
  services: TraceService[]
  /** The span that put the trace here: the latest, or the longest, of those that match. */
  match: { spanId: string; startTimeUnixNano: TimeText; durationNanos: NanosText }
}
export interface TraceService {
  name: string
  spans: number
  errors: number
}

/** GET /api/spans */
export interface SpansAnswer extends Window {
  order: 'newest' | 'slowest'
  limit: number
  /** Of `values`, as they were asked for: those of `field`, else those of the query's `select()`. */
  fields: string[]
  spans: ListedSpan[]
  /** More spans match than are listed. */
  more: boolean
  /** Not all traces that might match were looked at. */
  cut: boolean
}
export interface ListedSpan {
  traceId: string
  spanId: string
  service: string
  name: string
  kind: number
  statusCode: number
  startTimeUnixNano: TimeText
  durationNanos: NanosText
  values: (TypedValue | null)[]
}

/** GET /api/groups */
export interface GroupsAnswer extends Window {
  by: string
  /** Those of most spans first. */
  groups: GroupRow[]
  /** More values exist than are listed. */
  more: boolean
}
/** The spans that match and have one value; percentiles as in `RequestFigures`. */
export interface GroupRow extends Omit<RequestFigures, 'requests'> {
  /** Null: the field is not there. */
  value: TypedValue | null
  spans: number
}

// ---------------------------------------------------------------------------------------------- figures over time

/** GET /api/metrics */
export interface MetricsAnswer extends Window {
  /** Steps lie on multiples of their length. */
  step: NanosText
  /** The end of each step, which holds (time - step, time]. */
  times: TimeText[]
  /** Those of most spans first. */
  series: MetricSeries[]
  /** More series exist than are told. */
  more: boolean
  /** Not all traces that might match were looked at: there were too many for one question. */
  cut: boolean
}
export interface MetricSeries {
  /** As the query writes its fields; `p` is a quantile, `__bucket` the upper edge of a bucket. */
  labels: MetricLabel[]
  /** By place in `times`, durations in seconds; null: none. */
  values: (number | null)[]
  /** Spans that stand out; only when asked for. */
  exemplars: { traceId: string; spanId: string; startTimeUnixNano: TimeText; value: number }[]
}
export interface MetricLabel {
  name: string
  value: TypedValue | null
}
/** A value with the type it was sent with. */
export interface TypedValue {
  type: 'string' | 'int' | 'double' | 'bool' | 'duration' | 'status' | 'kind' | 'other'
  /** Numbers in digits (doubles also "NaN", "Infinity", "-Infinity"), durations in nanoseconds, `other` as OTLP/JSON. */
  text: string
}

// ---------------------------------------------------------------------------------------------- why

/** GET /api/heatmap: the spans that match, every one counted, by start and duration. */
export interface HeatmapAnswer extends Window {
  /** Of a column; the last may be cut off by the end of the window. */
  step: NanosText
  columns: number
  /** Where each row begins; the last has no end. */
  edges: NanosText[]
  /** Four numbers for each cell that is not empty: column, row, spans, and those of them with status ERROR. */
  cells: number[]
  spans: number
  errors: number
}

/** GET /api/diagnosis: what the selected spans have that the others of the same filter have not. */
export interface DiagnosisAnswer extends Window {
  selected: ComparedSpans
  rest: ComparedSpans
  /** What explains the difference, best first. */
  findings: Finding[]
  /** How it looks: statuses, messages and types of errors, which the selection itself may have chosen. */
  symptoms: Finding[]
  /** Where the time goes that the selected spans take longer on average; most first, nothing below 2 %. */
  time: DiagnosisTime[]
}
export interface ComparedSpans {
  spans: number
  errors: number
  /** How many of them, chosen by chance, the findings are about. */
  lookedAt: number
  meanNanos: number | null
  /** Spans in each row of the heat map's scale of durations. */
  durations: number[]
}
/** `field`: what every span has (service, operation, kind, scope, status message). `call`: a child of the span. */
export type DiagnosisLevel = 'field' | 'span' | 'resource' | 'call'
export interface ComparedValue {
  /** `>=` and `<` for numbers, and for how often a call is made; `failed` for calls; `absent`: without the key. */
  is: '=' | '>=' | '<' | 'absent' | 'failed'
  value: string
  /** Spans, of those looked at, for which it holds. */
  selected: number
  rest: number
}
export interface Finding {
  level: DiagnosisLevel
  /** The attribute, the field, or the call as `service: name`. */
  key: string
  call?: ComparedCall
  /** 0 to 1: the share of the selected spans for which `value` holds, less that of the rest, less what may be chance. */
  score: number
  value: ComparedValue
  /** All values of the key that are worth a line, most frequent first; none for ranges and calls. */
  values: ComparedValue[]
  /** What holds for just as many spans of either side, and so explains as much: other names of one cause. */
  same: { level: DiagnosisLevel; key: string; value: ComparedValue }[]
}
export interface ComparedCall {
  service: string
  name: string
  kind: number
  /** Database, topic or host that the child names; '' for none. */
  place: string
}
export interface DiagnosisTime {
  /** null: in no call, but in the span's own code. */
  call: ComparedCall | null
  /** Nanoseconds a span, on average. */
  selectedNanos: number
  restNanos: number
  /** Of the difference of the means of both sides. */
  share: number
}

// ---------------------------------------------------------------------------------------------- one trace

/** GET /api/progress: how far the store is with what somebody waits for. */
export interface ProgressAnswer {
  /** Of the store, running now. */
  queries: number
  /** By these, so far. */
  rowsRead: number
}

/** GET /api/traces/{traceId}/matches */
export interface TraceMatchesAnswer {
  traceId: string
  /** The spans that the query leaves of the trace, whatever spansets they are in; in no order. */
  spanIds: string[]
}

/**
 * GET /api/traces/{traceId}. Everything that was sent, plus what rebuilding adds. Resources and scopes are given once;
 * `span.resource` and `span.scope` are indexes into them (`.resources[.spans[0].resource]`).
 */
export interface TraceAnswer extends TraceFigures {
  /** Span ids of the roots, earliest first: spans without a parent, spans whose parent is missing, one of each cycle. */
  roots: string[]
  /** The ids that spans name as parent and that have not arrived. */
  missingParents: MissingParent[]
  /** Spans whose chain of parents leads back to themselves. One of each cycle is treated as a root. */
  cycles: string[]
  /** The chain that the trace's duration hangs on, in order of time: earliest first, without overlap. */
  criticalPath: CriticalPathSegment[]
  resources: OtlpResource[]
  scopes: OtlpScope[]
  /** By start time. */
  spans: TraceSpan[]
}
/** What is told of a trace as a whole, however its spans are told. */
export interface TraceFigures {
  traceId: string
  /** No parent is missing, and no span was received within the last 10 s. */
  complete: boolean
  /** When the last span of it was received. */
  lastReceivedUnixNano: TimeText
  startTimeUnixNano: TimeText
  endTimeUnixNano: TimeText
  durationNanos: NanosText
  spanCount: number
  errorCount: number
  /** Copies of a span (same span id) that were sent again and are left out. */
  duplicatesRemoved: number
  /** Estimated clock differences between services that call each other. */
  clockSkews: ClockSkew[]
  /** Whose times all figures of this answer are made of: `corrected` only where that was asked for and moves something. */
  clocks: Clocks
  /** What correcting the clocks moves, in this answer or in one on corrected clocks. */
  clockCorrections: ClockCorrection[]
  /**
   * `folded`: roots, missing parents, critical path, services and all figures but counts are made without the spans that are
   * folded into others; only where that was asked for and there are some.
   */
  proxies: Proxies
  /** How many spans folding leaves out, in this answer or in one with proxies folded. */
  proxySpans: number
  services: TraceServiceFigures[]
}
/**
 * What stands as JSON in the schema's metadata (`weft.trace`) of a trace that is answered as an Arrow stream
 * (docs/large-traces.md).
 */
export interface SkeletonHead extends TraceFigures {
  /** The ids that spans name as parent and that have not arrived; the column `parent` names them by their place. */
  missingParents: string[]
}
/** GET /api/traces/{traceId}/details: of the spans that were asked for those that are stored. */
export interface TraceDetailsAnswer {
  resources: OtlpResource[]
  scopes: OtlpScope[]
  spans: SpanDetails[]
}
export interface MissingParent {
  spanId: string
  /** The spans that name it. */
  children: string[]
}
export interface CriticalPathSegment {
  spanId: string
  startTimeUnixNano: TimeText
  endTimeUnixNano: TimeText
}
export interface ClockSkew {
  parentService: string
  childService: string
  /** Add this to the child service's times to bring them onto the parent's clock; the median over its spans. */
  offsetNanos: NanosText
  /** Spans it was estimated from. */
  spans: number
}
/** Times as they were sent, or brought onto the clocks of the root spans by the estimated differences. */
export type Clocks = 'sent' | 'corrected'
export interface ClockCorrection {
  service: string
  /** Added to the times of its spans: what the clocks differ on the way from the root, summed up. */
  shiftNanos: NanosText
  spans: number
}
export interface TraceServiceFigures extends TraceService {
  startTimeUnixNano: TimeText
  /** From its earliest start to its latest end. */
  durationNanos: NanosText
  selfTimeNanos: NanosText
}

/** POST /api/file */
export interface FileAnswer {
  /** In the order of the file. */
  traces: TraceAnswer[]
  /** The file has more than are told. */
  more: boolean
  /** Spans that were left out, because their ids are none. */
  rejectedSpans: number
}

/** A span in the names of OTLP/JSON, exactly as sent. */
export interface SpanDetails {
  traceId: string
  spanId: string
  /** '' for none. */
  parentSpanId: string
  traceState: string
  flags: number
  name: string
  /** OTLP: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  startTimeUnixNano: TimeText
  endTimeUnixNano: TimeText
  attributes: KeyValue[]
  droppedAttributesCount: number
  events: OtlpEvent[]
  droppedEventsCount: number
  links: OtlpLink[]
  droppedLinksCount: number
  /** OTLP: 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string }
  /** Index into `resources`, -1 when the resource is gone. */
  resource: number
  /** Index into `scopes`. */
  scope: number

  // What follows was not sent.
  service: string
  receivedAtUnixNano: TimeText
}

/** The same, plus what rebuilding adds. */
export interface TraceSpan extends SpanDetails {
  /** end - start; '0' where the times make no sense. */
  durationNanos: NanosText
  /** The end lies before the start, or the start is 0. */
  invalidTimes: boolean
  /** Duration less the union of its children's times, clipped to its own. */
  selfTimeNanos: NanosText
  onCriticalPath: boolean
  /** The parent it names has not arrived. */
  missingParent: boolean
  /** Estimated clock difference to its parent's service (see ClockSkew); null where none was found. */
  skewNanos: NanosText | null
  /** Add this to the times as sent for those that the figures are made of; '0' unless clocks are corrected. */
  shiftNanos: NanosText
  /**
   * The span of the application that tells the same as this one of its proxy; '' for none, and where proxies are shown. Its
   * self time is the proxy's: of a SERVER span its duration without the application's, of a CLIENT span also the way there.
   */
  foldedInto: string
  /** How often it was sent. */
  copies: number
}

/** OTLP/JSON; `{}` is a value with nothing set. */
export interface AnyValue {
  stringValue?: string
  intValue?: Int64Text
  doubleValue?: number | 'NaN' | 'Infinity' | '-Infinity'
  boolValue?: boolean
  arrayValue?: { values?: AnyValue[] }
  kvlistValue?: { values?: KeyValue[] }
  /** Base64. */
  bytesValue?: string
}
export interface KeyValue {
  key: string
  value: AnyValue
}
export interface OtlpEvent {
  timeUnixNano: TimeText
  name: string
  attributes: KeyValue[]
  droppedAttributesCount: number
}
export interface OtlpLink {
  traceId: string
  spanId: string
  traceState?: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  flags?: number
}
export interface OtlpResource {
  attributes: KeyValue[]
  droppedAttributesCount: number
  schemaUrl: string
}
export interface OtlpScope {
  name: string
  version: string
  attributes: KeyValue[]
  droppedAttributesCount: number
  schemaUrl: string
}

// ---------------------------------------------------------------------------------------------- topology

/** GET /api/topology */
export interface TopologyAnswer extends Window, Summed, Folded {
  /** The service asked for, whose neighbourhood this is; null for all. */
  service: string | null
  nodes: TopologyNode[]
  /**
   * A call belongs to the window in which its client span starts (its server span, where there is no client span). A
   * call that several SERVER spans answered counts once for each. Messages go over their topic: from the producer to
   * the topic, as the producer saw it, and from the topic to the consumer, as the consumer saw it.
   */
  edges: TopologyEdge[]
  /** More edges or services exist than are listed. */
  more: boolean
}
export type NodeType = 'service' | 'database' | 'queue' | 'external'
/** Figures of a service: its own requests. Of the others: the calls made to them, as their callers measured them. */
export interface TopologyNode extends RequestFigures {
  /** `service:<name>`, `database:<system>/<instance>`, `queue:<system>/<topic>`, `external:<host>`. */
  id: string
  type: NodeType
  /** Service name, database instance, topic or host. */
  name: string
  /** Database or messaging system (`postgresql`, `kafka`); '' for services and hosts. */
  system: string
}
/** Calls from one node to another: latency and error as the caller saw them, the server's where there is no client span. */
export interface TopologyEdge extends RequestFigures {
  source: string
  target: string
  /** Durations of the calls added up. */
  totalNanos: number
}

/** GET /api/topology/groups */
export interface ServiceGroupsAnswer extends Window {
  /** The resource attribute asked for. */
  key: string
  services: ServiceGroup[]
  /** More services exist than are listed: those of most spans. */
  more: boolean
}
export interface ServiceGroup {
  service: string
  /** What most of its spans have; null where none has the attribute. */
  value: string | null
  /** How many different values its spans have. */
  values: number
  /** Spans with `value`, of all that it sent. */
  spansOfValue: number
  spans: number
}

/** GET /api/chains */
export interface CallChainsAnswer extends Window {
  from: string
  to: string
  by: 'services' | 'operations'
  /** Those of most calls first. */
  chains: CallChain[]
  /** More chains exist than are listed. */
  more: boolean
  /** Traces that have a chain. */
  traces: number
  /** The newest of `tracesOfBoth`. */
  tracesLookedAt: number
  /** Traces with spans of both services, whether one called the other or not. */
  tracesOfBoth: number
  /** Still more have both: the newest were counted. */
  moreTraces: boolean
}
/** A way from one service to another. Percentiles and errors are those of the last step: of the requests that entered it. */
export interface CallChain {
  /** From the first service to the last, at least two. */
  steps: ChainStep[]
  calls: number
  errors: number
  traces: number
  p50: NanosText
  p90: NanosText
  p99: NanosText
  /** Durations of the last step's requests added up; those at the same time count each. */
  totalNanos: number
  /** Durations of the first step's requests added up, each once. */
  fromTotalNanos: number
  /** Of the last step's longest request. */
  slowestTraceId: string
  slowestSpanId: string
}
export interface ChainStep {
  service: string
  /** The span by which the service was entered; null where only services are told apart. */
  operation: string | null
}

// ---------------------------------------------------------------------------------------------- suggestions

/** GET /api/attributes */
export interface AttributeKeysAnswer extends Window {
  keys: AttributeKey[]
  more: boolean
}
export interface AttributeKey {
  key: string
  /** Where it was seen. */
  level: 'span' | 'resource'
  /** Spans (resources, for level resource) that have it; for spans, among those that were looked at. */
  count: number
}

/** GET /api/attributes/values?key=… */
export interface AttributeValuesAnswer extends Window {
  key: string
  /** As text, most frequent first. */
  values: { value: string; count: number }[]
  more: boolean
}

// ---------------------------------------------------------------------------------------------- comparing

/** GET /api/compare */
export interface CompareAnswer {
  a: ComparedTrace
  b: ComparedTrace
  /**
   * Both trees as one, depth first: spans of one service, name and kind below the same callers are one path.
   */
  paths: ComparedPath[]
  /** Not all paths are told: of very many those that take most time. */
  cut: boolean
}
/** One trace, or the mean of several. */
export interface ComparedTrace {
  /** Null: it is the mean of `traces`. */
  traceId: string | null
  traces: number
  rootService: string
  rootName: string
  /** Null for a mean. */
  startTimeUnixNano: TimeText | null
  durationNanos: number
  spans: number
  errors: number
}
export interface ComparedPath {
  depth: number
  service: string
  name: string
  kind: number
  /** Null: it is not there. */
  a: ComparedSide | null
  b: ComparedSide | null
}
/** Of a mean, how much a trace has of it. */
export interface ComparedSide {
  calls: number
  errors: number
  /** Durations added up. */
  totalNanos: number
  /** The same without the time of their children. */
  selfNanos: number
  /** Of its longest span; in one of the traces, for a mean. */
  spanId: string
}

// ---------------------------------------------------------------------------------------------- the server itself

/** GET /api/retention */
export interface RetentionAnswer {
  /** Times of receipt of the oldest and newest span kept; null while there are none. */
  oldestReceivedUnixNano: TimeText | null
  newestReceivedUnixNano: TimeText | null
  spans: number
  bytesOnDisk: number
  /** Days of receipt (UTC, `2026-01-31`) that were removed, the last removed first, with the reason in words. */
  droppedDays: { day: string; reason: string; droppedAtUnixNano: TimeText }[]
}

/** GET /api/config: what the UI has to know of this server. */
export interface ConfigAnswer {
  version: string
  basePath: string
  /** Where programs send their spans; null when this server does not know. */
  otlpHttp: string | null
  otlpGrpc: string | null
}

/** GET /api/health: 200 while the store answers, else 503 with the same shape. */
export interface HealthAnswer {
  status: 'ok' | 'unavailable'
  store: { ok: boolean; reason?: string }
  /** As the composition root tells it, by role. */
  roles: Record<string, unknown>
}
