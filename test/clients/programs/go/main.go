// A client program, the same in each language. It reads lines: `checkout` makes the trace that story.ts describes, any
// other line a root span of that name; each is answered with its trace id. At the end of the lines it shuts down.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	ctx := context.Background()
	provider := must(startTracing(ctx))
	tracer := provider.Tracer("shop", trace.WithInstrumentationVersion("1.2.3"))

	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	order := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner, send := tracer.Start(r.Context(), "orders send", trace.WithSpanKind(trace.SpanKindProducer))
		_, process := tracer.Start(inner, "orders process", trace.WithSpanKind(trace.SpanKindConsumer))
		process.End()
		send.SetStatus(codes.Ok, "")
		send.End()
		io.WriteString(w, "ordered")
	})
	go http.Serve(listener, otelhttp.NewHandler(order, "order"))
	client := http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var span trace.Span
		if lines.Text() == "checkout" {
			span = checkout(ctx, tracer, &client, "http://"+listener.Addr().String()+"/order")
		} else {
			_, span = tracer.Start(ctx, lines.Text())
			span.End()
		}
		fmt.Println(span.SpanContext().TraceID())
	}
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func checkout(ctx context.Context, tracer trace.Tracer, client *http.Client, url string) trace.Span {
	before := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    must(trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")),
		SpanID:     must(trace.SpanIDFromHex("b7ad6b7169203331")),
		TraceFlags: trace.FlagsSampled,
		Remote:     true,
	})
	link := trace.Link{SpanContext: before, Attributes: []attribute.KeyValue{attribute.String("reason", "follows")}}
	ctx, span := tracer.Start(ctx, "checkout", trace.WithLinks(link))
	defer span.End()
	span.SetAttributes(
		attribute.String("text", "grüße ☂ 😀"),
		attribute.String("empty", ""),
		attribute.Bool("flag", true),
		attribute.Int64("whole", math.MinInt64),
		attribute.Float64("ratio", 0.5),
		attribute.StringSlice("texts", []string{"a", "b"}),
		attribute.Int64Slice("wholes", []int64{1, 2}),
		attribute.Float64Slice("ratios", []float64{0.5, 1.5}),
		attribute.BoolSlice("flags", []bool{true, false}),
	)
	request := must(http.NewRequestWithContext(ctx, http.MethodGet, url, nil))
	response := must(client.Do(request))
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	span.AddEvent("picked", trace.WithAttributes(attribute.String("shelf", "B"), attribute.Int("boxes", 3)))
	span.RecordError(errors.New("no such shelf"), trace.WithStackTrace(true))
	span.SetStatus(codes.Error, "out of stock")
	return span
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}
