/** Bytes of one request's body, before and after decompression, on both transports (OTLP specification, "OTLP/HTTP Request"). */
export const maxBodyBytes = 20 * 1024 * 1024

/**
 * Levels of AnyValue within one attribute: a plain value is at level 1, what an array or kvlist at level 1 holds at level
 * 2. A request with a deeper value is refused whole. (The specification of attributes asks for at least 64.)
 */
export const maxDepth = 64

/**
 * Levels of messages and groups together, down to which a group is skipped: the recursion limit of every official protobuf
 * library. Groups are in no OTLP schema, so they only ever are unknown fields.
 */
export const maxGroupDepth = 100

/** Levels of objects and arrays within one ignored JSON value (the value of a name that OTLP does not know). */
export const maxIgnoredDepth = 64

/** Bytes of a trace id and of a span id (trace.proto: anything else is invalid, and so are all zeros). */
export const traceIdBytes = 16
export const spanIdBytes = 8
