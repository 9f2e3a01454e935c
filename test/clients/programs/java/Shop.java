import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;

/**
 * A client program, the same in each language. It reads lines: `checkout` makes the trace that story.ts describes, any
 * other line a root span of that name; each is answered with its trace id. At the end of the lines it shuts down.
 * Started with the agent, which brings the SDK and traces the server and the client of HTTP.
 */
public class Shop {
  static final Tracer tracer = GlobalOpenTelemetry.get().tracerBuilder("shop").setInstrumentationVersion("1.2.3").build();
  static final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/order", exchange -> {
      Span send = tracer.spanBuilder("orders send").setSpanKind(SpanKind.PRODUCER).startSpan();
      try (Scope scope = send.makeCurrent()) {
        tracer.spanBuilder("orders process").setSpanKind(SpanKind.CONSUMER).startSpan().end();
      }
      send.setStatus(StatusCode.OK);
      send.end();
      byte[] body = "ordered".getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      System.out.println(line.equals("checkout") ? checkout(server.getAddress().getPort()) : single(line));
    }
    server.stop(0);
    // The agent sends what is left when the machine shuts down.
    System.exit(0);
  }

  static String checkout(int port) throws Exception {
    SpanContext before = SpanContext.createFromRemoteParent(
        "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", TraceFlags.getSampled(), TraceState.getDefault());
    Span span = tracer.spanBuilder("checkout")
        .addLink(before, Attributes.of(AttributeKey.stringKey("reason"), "follows"))
        .startSpan();
    try (Scope scope = span.makeCurrent()) {
      span.setAttribute("text", "gr\u00fc\u00dfe \u2602 \ud83d\ude00");
      span.setAttribute("empty", "");
      span.setAttribute("flag", true);
      span.setAttribute("whole", Long.MIN_VALUE);
      span.setAttribute("ratio", 0.5);
      span.setAttribute(AttributeKey.stringArrayKey("texts"), List.of("a", "b"));
      span.setAttribute(AttributeKey.longArrayKey("wholes"), List.of(1L, 2L));
      span.setAttribute(AttributeKey.doubleArrayKey("ratios"), List.of(0.5, 1.5));
      span.setAttribute(AttributeKey.booleanArrayKey("flags"), List.of(true, false));
      HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/order")).build();
      client.send(request, HttpResponse.BodyHandlers.ofString());
      span.addEvent("picked", Attributes.of(AttributeKey.stringKey("shelf"), "B", AttributeKey.longKey("boxes"), 3L));
      span.recordException(new IllegalStateException("no such shelf"));
      span.setStatus(StatusCode.ERROR, "out of stock");
    } finally {
      span.end();
    }
    return span.getSpanContext().getTraceId();
  }

  static String single(String name) {
    Span span = tracer.spanBuilder(name).setNoParent().startSpan();
    span.end();
    return span.getSpanContext().getTraceId();
  }
}
