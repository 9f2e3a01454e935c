import { Registry } from 'prom-client'
import { messageOf } from '../../base/errors.ts'
import { startEmbeddedServer } from './server.ts'

// The process behind startTestStore: told what to serve by its arguments, ended by its parent's word or end.
const [folder, secret, port, maxMemoryBytes, moreConfig] = process.argv.slice(2)
const say = (level: string) => (fields: object, message: string) =>
  void process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
const log = { debug() {}, info() {}, warn: say('warn'), error: say('error') }

try {
  const server = await startEmbeddedServer({
    folder: folder!,
    host: '127.0.0.1',
    port: Number(port),
    secret: secret!,
    ...(maxMemoryBytes ? { maxMemoryBytes: Number(maxMemoryBytes) } : {}),
    ...(moreConfig ? { moreConfig } : {}),
    log,
    metrics: new Registry(),
  })
  const stop = () => {
    void server.close(AbortSignal.timeout(2_000)).finally(() => process.exit(0))
    setTimeout(() => process.exit(1), 5_000).unref()
  }
  process.on('disconnect', stop)
  process.on('message', (message) => {
    if (message === 'stop') stop()
  })
  process.send?.({ port: server.address.port })
} catch (error) {
  process.send?.({ error: messageOf(error) }, () => process.exit(1))
}
