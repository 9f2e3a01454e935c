# The registration of a service, with the name that the spans of its sidecar have.
service {
  name = "shop"
  port = 8080
  connect {
    sidecar_service {
      proxy {
        config {
          envoy_tracing_json = <<EOF
{
  "http": {
    "name": "envoy.tracers.opentelemetry",
    "typedConfig": {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      "service_name": "shop",
      "grpc_service": { "envoy_grpc": { "cluster_name": "weft" }, "timeout": "1s" }
    }
  }
}
EOF
        }
      }
    }
  }
}
