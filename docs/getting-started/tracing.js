import { trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

const exporter = new OTLPTraceExporter({ url: 'http://127.0.0.1:4318/v1/traces' })
export const provider = new TracerProvider({
  resource: defaultResource().merge(resourceFromAttributes({ 'service.name': 'my-page' })),
  spanProcessors: [new BatchSpanProcessor({ exporter })],
})
trace.setGlobalTracerProvider(provider)
