npm install @opentelemetry/api @opentelemetry/sdk-trace @opentelemetry/resources \
  @opentelemetry/exporter-trace-otlp-http
