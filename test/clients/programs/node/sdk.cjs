// The SDK with its own exporters; protocol and resource come from the environment.
const { NodeSDK } = require('@opentelemetry/sdk-node')
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')

const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] })
sdk.start()
process.once('beforeExit', () => void sdk.shutdown().catch((error) => process.stderr.write(`${error}\n`)))
