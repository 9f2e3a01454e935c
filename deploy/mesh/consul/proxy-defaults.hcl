# consul config write proxy-defaults.hcl
# On Kubernetes the same four strings stand below spec.config of a ProxyDefaults.
# Sidecars read them when they start.
Kind = "proxy-defaults"
Name = "global"
Config {
  # Of TCP there are no spans.
  protocol = "http"

  envoy_extra_static_clusters_json = <<EOF
{
  "name": "weft",
  "type": "STRICT_DNS",
  "connect_timeout": "3s",
  "typed_extension_protocol_options": {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": { "http2_protocol_options": {} }
    }
  },
  "load_assignment": {
    "cluster_name": "weft",
    "endpoints": [
      { "lb_endpoints": [{ "endpoint": { "address": { "socket_address": { "address": "weft", "port_value": 4317 } } } }] }
    ]
  }
}
EOF

  # Consul's own value is 0. At 100 the traceparent decides, if there is one.
  envoy_listener_tracing_json = <<EOF
{
  "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing",
  "random_sampling": { "value": 100 }
}
EOF

  # For the sidecars that say no name of their own, as shop.hcl does.
  envoy_tracing_json = <<EOF
{
  "http": {
    "name": "envoy.tracers.opentelemetry",
    "typedConfig": {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      "service_name": "mesh",
      "grpc_service": { "envoy_grpc": { "cluster_name": "weft" }, "timeout": "1s" }
    }
  }
}
EOF
}
