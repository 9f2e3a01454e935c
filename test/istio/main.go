// Writes what Istio's own code makes of the files in deploy/mesh/istio for a gateway and two sidecars, as far as it says how
// they trace. Run by hand when those files or Istio's version change; it compiles for some minutes:
//
//	go run . ../../deploy/mesh/istio made.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	envoy "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/bootstrap"
	"istio.io/istio/pkg/config/mesh"
	istio "istio.io/istio/pkg/model"
	"istio.io/istio/pkg/test"
	"sigs.k8s.io/yaml"
)

// Weft's service is as in deploy/kubernetes/collector.yaml.
const services = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.default.svc.cluster.local]
  addresses: [10.0.0.1]
  ports: [{ number: 8080, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 10.1.0.1, labels: { app: shop } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: stock, namespace: default }
spec:
  hosts: [stock.default.svc.cluster.local]
  addresses: [10.0.0.2]
  ports: [{ number: 8080, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 10.1.0.2, labels: { app: stock } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: weft-collector, namespace: weft }
spec:
  hosts: [weft-collector.weft.svc.cluster.local]
  addresses: [10.0.0.3]
  ports: [{ number: 4317, name: otlp-grpc, protocol: HTTP2 }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 10.1.0.3 }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"] }]
---
`

const weft = "outbound|4317||weft-collector.weft.svc.cluster.local"

// One proxy's own.
type made struct {
	Node      json.RawMessage   `json:"node"`
	Runtime   json.RawMessage   `json:"layered_runtime"`
	Cluster   json.RawMessage   `json:"cluster"`
	Listeners map[string]traced `json:"listeners"`
}

type traced struct {
	Direction string          `json:"traffic_direction"`
	Tracing   json.RawMessage `json:"tracing"`
}

func main() {
	files, out := os.Args[1], os.Args[2]
	values, telemetry := read(files, "mesh-config.yaml"), read(files, "telemetry.yaml")
	var chart struct {
		MeshConfig json.RawMessage `json:"meshConfig"`
	}
	check(yaml.Unmarshal(values, &chart))
	config := must(mesh.ApplyMeshConfigDefaults(string(must(yaml.JSONToYAML(chart.MeshConfig)))))
	result := map[string]any{"from": from(values, telemetry), "istio": version()}
	check(test.Wrap(func(t test.Failer) {
		gen := core.NewConfigGenTest(t, core.TestOptions{MeshConfig: config, ConfigString: services + string(telemetry)})
		proxy := func(kind model.NodeType, name, namespace, address string) made {
			labels := map[string]string{
				"app": name, "service.istio.io/canonical-name": name, "service.istio.io/canonical-revision": "latest",
			}
			if kind == model.Router {
				labels["istio"] = "ingressgateway"
			}
			meta := istio.NodeMetadata{
				Namespace: namespace, Labels: labels, IstioVersion: "1.31.0", ClusterID: "Kubernetes", MeshID: "cluster.local",
				WorkloadName: name, ProxyConfig: (*istio.NodeMetaProxyConfig)(config.DefaultConfig),
			}
			id := fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, address, name, namespace, namespace)
			node, runtime := started(id, meta)
			of := gen.SetupProxy(&model.Proxy{
				Type: kind, ID: name + "." + namespace, ConfigNamespace: namespace, IPAddresses: []string{address}, Labels: labels,
				Metadata: &meta, XdsNode: node,
			})
			return made{jsonOf(node), runtime, clusterOf(gen.Clusters(of)), listenersOf(kind, gen.Listeners(of))}
		}
		result["front"] = proxy(model.Router, "front", "istio-system", "10.1.0.4")
		result["shop"] = proxy(model.SidecarProxy, "shop", "default", "10.1.0.1")
		result["stock"] = proxy(model.SidecarProxy, "stock", "default", "10.1.0.2")
	}))
	check(os.WriteFile(out, append(must(json.MarshalIndent(result, "", "  ")), '\n'), 0o644))
}

// What the sidecar's agent starts Envoy with: who it is, and the runtime.
func started(id string, meta istio.NodeMetadata) (*envoy.Node, json.RawMessage) {
	var text bytes.Buffer
	node := &istio.Node{ID: id, Metadata: &istio.BootstrapNodeMetadata{NodeMetadata: meta}, Locality: &envoy.Locality{}}
	template := filepath.Join(module("{{.Dir}}"), "tools/packaging/common/envoy_bootstrap.json")
	check(bootstrap.New(bootstrap.Config{Node: node}).WriteTo(template, &text))
	var config struct {
		Node    struct{ ID, Cluster string } `json:"node"`
		Runtime json.RawMessage              `json:"layered_runtime"`
	}
	check(json.Unmarshal(text.Bytes(), &config))
	return &envoy.Node{Id: config.Node.ID, Cluster: config.Node.Cluster}, config.Runtime
}

// The name and the protocol of Weft's cluster; its endpoints and certificates come from Istio while it runs.
func clusterOf(all []*cluster.Cluster) json.RawMessage {
	for _, each := range all {
		if each.Name == weft {
			return jsonOf(&cluster.Cluster{Name: each.Name, TypedExtensionProtocolOptions: each.TypedExtensionProtocolOptions})
		}
	}
	panic("Weft's service is not known")
}

func listenersOf(kind model.NodeType, all []*listener.Listener) map[string]traced {
	found := map[string]traced{}
	for _, each := range all {
		name := "front"
		if kind == model.SidecarProxy {
			name = strings.ToLower(each.TrafficDirection.String())
		}
		for _, chain := range each.FilterChains {
			for _, filter := range chain.Filters {
				manager := &hcm.HttpConnectionManager{}
				if filter.GetTypedConfig().MessageIs(manager) {
					check(filter.GetTypedConfig().UnmarshalTo(manager))
					found[name] = traced{each.TrafficDirection.String(), jsonOf(manager.Tracing)}
				}
			}
		}
	}
	return found
}

// The files, by which a test sees that this is made of them.
func from(values, telemetry []byte) map[string]any {
	var all []json.RawMessage
	for _, each := range bytes.Split(telemetry, []byte("\n---\n")) {
		all = append(all, must(yaml.YAMLToJSON(each)))
	}
	return map[string]any{"mesh-config.yaml": json.RawMessage(must(yaml.YAMLToJSON(values))), "telemetry.yaml": all}
}

func version() string { return module("{{.Version}}") }

func module(format string) string {
	return strings.TrimSpace(string(must(exec.Command("go", "list", "-m", "-f", format, "istio.io/istio").Output())))
}

func jsonOf(message proto.Message) json.RawMessage {
	return must(protojson.MarshalOptions{UseProtoNames: true}.Marshal(message))
}

func read(folder, name string) []byte { return must(os.ReadFile(filepath.Join(folder, name))) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
