/**
 * A broker by hand: `node test/kafka/run.ts [port]` starts one (default 19092), prints its address, and ends it with
 * Ctrl-C, data and all.
 */
import { startBroker } from './broker.ts'
import { whyNoBroker } from './jars.ts'

const why = await whyNoBroker()
if (why !== undefined) {
  process.stderr.write(`no Kafka: ${why}\n`)
  process.exit(1)
}
const broker = await startBroker({ port: Number(process.argv[2] ?? 19_092) })
process.stdout.write(`${broker.address}\n`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void broker.destroy().then(() => process.exit(0)))
}
