import { type Attributes, metrics } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { runtimeInstrumentation } from './instrument/known.ts'

/**
 * With `OTEL_METRICS_EXPORTER=otlp`: how the process is (event loop delay and use, garbage collection, heap), with the
 * SDK's own exporter, once a minute or as `OTEL_METRIC_EXPORT_INTERVAL` says.
 */
export function startMetrics(attributes: Attributes): void {
  const every = Number(process.env['OTEL_METRIC_EXPORT_INTERVAL'] || 60_000)
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: every })
  const provider = new MeterProvider({ resource: resourceFromAttributes(attributes), readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  runtimeInstrumentation.load().setMeterProvider(provider)
}
