// The words of the design as SQL over one row of `spans`, so that whoever asks means the same by them.

/** A SERVER or CONSUMER span, or an INTERNAL span that is a root. */
export const isRequest = '(kind IN (2, 5) OR (kind = 1 AND parent_span_id = 0))'
export const isError = '(status = 2)'
/** 0 < start <= end as sent: only then is `duration_ns` a measurement. */
export const timesMakeSense = '(start_ns > 0 AND end_shift_ns = 0)'

/** The numerator of the `th` in the `ot` member of a tracestate, left-justified to 64 bits: the part of all spans left out, of 2^64. */
const rejected = `reinterpretAsUInt64(reverse(unhex(rightPad(
  extract(trace_state, '(?:^|,)[[:space:]]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,[:space:]]|$)'), 16, '0'))))`

/**
 * How many spans one stands for, itself among them: 1 / the probability with which sampling kept it, 1 where its tracestate
 * tells none. (OpenTelemetry: TraceState probability sampling, "adjusted count", "rejection threshold".)
 */
export const adjustedCount = `toFloat32(if(trace_state = '', 1, 1 / (1 - ${rejected} / 18446744073709551616.)))`

/** The database that a span names: its address and namespace, '' where it names neither. `of`: a table's name and a dot. */
export const databaseInstance = (of = ''): string =>
  `concat(${of}server_address, if(${of}server_address != '' AND ${of}db_namespace != '', '/', ''), ${of}db_namespace)`

/** The instrumentation scope of Envoy's spans. */
export const proxyScope = 'envoy'

/** A span that a proxy made, not the program that it stands before: Envoy, and so Istio and Consul. */
export const isProxy = `(scope_name = '${proxyScope}')`
