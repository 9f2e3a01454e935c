"""
A client program, the same in each language. It reads lines: `checkout` makes the trace that story.ts describes, any
other line a root span of that name; each is answered with its trace id. At the end of the lines it shuts down.
Started by opentelemetry-instrument, which brings the SDK and traces Flask and requests.
"""

import sys
import threading

import requests
from flask import Flask
from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from werkzeug.serving import make_server

tracer = trace.get_tracer("shop", "1.2.3")
app = Flask("shop")


@app.route("/order")
def order():
    with tracer.start_as_current_span("orders send", kind=SpanKind.PRODUCER) as send:
        tracer.start_span("orders process", kind=SpanKind.CONSUMER).end()
        send.set_status(Status(StatusCode.OK))
    return "ordered"


def checkout(port):
    before = SpanContext(
        0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    with tracer.start_as_current_span("checkout", links=[Link(before, {"reason": "follows"})]) as span:
        span.set_attributes(
            {
                "text": "grüße ☂ 😀",
                "empty": "",
                "flag": True,
                "whole": -(2**63),
                "ratio": 0.5,
                "texts": ["a", "b"],
                "wholes": [1, 2],
                "ratios": [0.5, 1.5],
                "flags": [True, False],
            }
        )
        requests.get(f"http://127.0.0.1:{port}/order", timeout=10)
        span.add_event("picked", {"shelf": "B", "boxes": 3})
        try:
            raise LookupError("no such shelf")
        except LookupError as error:
            span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, "out of stock"))
    return span


def single(name):
    span = tracer.start_span(name)
    span.end()
    return span


server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    name = line.strip()
    span = checkout(server.port) if name == "checkout" else single(name)
    print(trace.format_trace_id(span.get_span_context().trace_id), flush=True)
server.shutdown()
