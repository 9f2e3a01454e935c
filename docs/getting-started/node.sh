npm install http://127.0.0.1:4320/agents/node.tgz

export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
node --import @weft/node app.js
