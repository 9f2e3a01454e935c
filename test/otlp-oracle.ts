import protobuf from 'protobufjs'

/**
 * The truth about OTLP trace requests: protobufjs with the official definitions (opentelemetry-proto v1: collector/trace/v1,
 * trace/v1, resource/v1, common/v1), and Tempo's answer that holds a trace (tempo.proto), as one source. `STRING` is `bytes` or `string`.
 */
const definitions = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message TraceByIDResponse { ExportTraceServiceRequest trace = 1; }
message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
message ExportTracePartialSuccess { int64 rejected_spans = 1; STRING error_message = 2; }
message ResourceSpans {
  reserved 1000;
  Resource resource = 1;
  repeated ScopeSpans scope_spans = 2;
  STRING schema_url = 3;
}
message ScopeSpans {
  InstrumentationScope scope = 1;
  repeated Span spans = 2;
  STRING schema_url = 3;
}
message Resource {
  repeated KeyValue attributes = 1;
  uint32 dropped_attributes_count = 2;
  repeated EntityRef entity_refs = 3;
}
message EntityRef {
  STRING schema_url = 1;
  STRING type = 2;
  repeated STRING id_keys = 3;
  repeated STRING description_keys = 4;
}
message InstrumentationScope {
  STRING name = 1;
  STRING version = 2;
  repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4;
}
message Span {
  bytes trace_id = 1;
  bytes span_id = 2;
  STRING trace_state = 3;
  bytes parent_span_id = 4;
  fixed32 flags = 16;
  STRING name = 5;
  enum SpanKind {
    SPAN_KIND_UNSPECIFIED = 0;
    SPAN_KIND_INTERNAL = 1;
    SPAN_KIND_SERVER = 2;
    SPAN_KIND_CLIENT = 3;
    SPAN_KIND_PRODUCER = 4;
    SPAN_KIND_CONSUMER = 5;
  }
  SpanKind kind = 6;
  fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10;
  message Event {
    fixed64 time_unix_nano = 1;
    STRING name = 2;
    repeated KeyValue attributes = 3;
    uint32 dropped_attributes_count = 4;
  }
  repeated Event events = 11;
  uint32 dropped_events_count = 12;
  message Link {
    bytes trace_id = 1;
    bytes span_id = 2;
    STRING trace_state = 3;
    repeated KeyValue attributes = 4;
    uint32 dropped_attributes_count = 5;
    fixed32 flags = 6;
  }
  repeated Link links = 13;
  uint32 dropped_links_count = 14;
  Status status = 15;
}
message Status {
  reserved 1;
  STRING message = 2;
  enum StatusCode {
    STATUS_CODE_UNSET = 0;
    STATUS_CODE_OK = 1;
    STATUS_CODE_ERROR = 2;
  }
  StatusCode code = 3;
}
message AnyValue {
  oneof value {
    STRING string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    ArrayValue array_value = 5;
    KeyValueList kvlist_value = 6;
    bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { STRING key = 1; AnyValue value = 2; }
`

function typesOf(stringType: 'bytes' | 'string', source = definitions): protobuf.Namespace {
  return protobuf.parse(source.replaceAll('STRING', stringType)).root.resolveAll()
}

const root = typesOf('bytes')
const rootWithStrings = typesOf('string')

/** ExportTraceServiceRequest with every string declared as bytes, so that UTF-8 is not judged. Field names in camel case. */
export const traceRequestType = root.lookupType('ExportTraceServiceRequest')
/** The same to one who leaves entity references unread, as ingest does: the collector has looked into them. */
export const traceRequestTypeEntitiesUnread = typesOf(
  'bytes',
  definitions.replace('repeated EntityRef', 'repeated bytes'),
).lookupType('ExportTraceServiceRequest')
/** The same with strings as strings. */
export const traceRequestTypeWithStrings = rootWithStrings.lookupType('ExportTraceServiceRequest')
/** AnyValue, Span.Link, … by name: strings as bytes. */
export function oracleType(name: string): protobuf.Type {
  return root.lookupType(name)
}
/** Tempo's answer to who asks for a trace: its `trace` has the fields of a request. */
export const tempoTraceType = rootWithStrings.lookupType('TraceByIDResponse')
export const traceResponseType = rootWithStrings.lookupType('ExportTraceServiceResponse')
