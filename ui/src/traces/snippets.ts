export interface Snippet {
  readonly name: string
  readonly code: string
  readonly note: string
}

/**
 * How to send traces to this server, with its own addresses. Metrics and logs are switched off: it takes traces alone.
 * `http` and `grpc` are addresses with scheme and port, `ui` is that of the page, where the agent can be had.
 */
export function snippets(http: string, grpc: string, ui: string): readonly Snippet[] {
  const grpcUrl = URL.canParse(grpc) && new URL(grpc).host !== '' ? new URL(grpc) : new URL(`http://${grpc}`)
  const environment = (protocol: string, endpoint: string): string =>
    [
      'export OTEL_SERVICE_NAME=my-service',
      `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
      `export OTEL_EXPORTER_OTLP_PROTOCOL=${protocol}`,
      'export OTEL_TRACES_EXPORTER=otlp',
      'export OTEL_METRICS_EXPORTER=none',
      'export OTEL_LOGS_EXPORTER=none',
    ].join('\n')
  return [
    {
      name: 'Node.js',
      code: `npm install ${new URL('agents/node.tgz', ui).href}

export OTEL_EXPORTER_OTLP_ENDPOINT=${http}
node --import @weft/node app.js`,
      note: 'HTTP, databases, queues and frameworks without a change to the program; the name of the service is that in its package.json.',
    },
    {
      name: 'Node.js SDK',
      code: `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node

${environment('http/protobuf', http)}
node --require @opentelemetry/auto-instrumentations-node/register app.js`,
      note: 'The same with OpenTelemetry’s own packages, from the registry alone.',
    },
    {
      name: 'Java',
      code: `curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar

${environment('http/protobuf', http)}
java -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
      note: 'The agent instruments the common frameworks without a change to the program.',
    },
    {
      name: 'Python',
      code: `pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http
opentelemetry-bootstrap -a install

${environment('http/protobuf', http)}
opentelemetry-instrument python app.py`,
      note: 'opentelemetry-bootstrap installs the instrumentations of the libraries it finds.',
    },
    {
      name: 'Go',
      code: `// go get go.opentelemetry.io/contrib/exporters/autoexport
exporter, err := autoexport.NewSpanExporter(ctx)
if err != nil {
	log.Fatal(err)
}
provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
defer provider.Shutdown(ctx)
otel.SetTracerProvider(provider)

// in the shell
${environment('http/protobuf', http)}
./app`,
      note: 'Wrap handlers and clients with otelhttp or otelgrpc to get spans for each request.',
    },
    {
      name: 'Envoy',
      code: `# In the HTTP connection manager:
tracing:
  provider:
    name: envoy.tracers.opentelemetry
    typed_config:
      "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
      service_name: my-proxy
      grpc_service:
        envoy_grpc: { cluster_name: weft }

# Among the clusters:
- name: weft
  type: STRICT_DNS
  connect_timeout: 1s
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http2_protocol_options: {} }
  load_assignment:
    cluster_name: weft
    endpoints:
      - lb_endpoints:
          - endpoint:
              address:
                socket_address: { address: "${grpcUrl.hostname}", port_value: ${grpcUrl.port === '' ? '4317' : grpcUrl.port} }`,
      note: 'Envoy speaks OTLP over gRPC and passes the trace context on.',
    },
  ]
}
