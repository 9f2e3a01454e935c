import { globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { javaProgram } from '../../kafka/jars.ts'
import { clientVariables, startProgram } from '../program.ts'
import { expectCheckout } from '../story.ts'
import type { Client } from '../client.ts'
import { javaClasses, whyNoJava } from '../tools.ts'

let folder = ''

export const java: Client = {
  name: 'Java',
  protocols: ['grpc', 'http/protobuf'],
  missing: await whyNoJava(),
  async prepare() {
    folder = await javaClasses()
  },
  start(protocol, endpoint, timeoutSeconds) {
    const agent = globSync(join(folder, 'opentelemetry-javaagent-*.jar'))[0]
    const jars = globSync(join(folder, 'opentelemetry-{api,common,context}-*.jar'))
    const jvm = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-javaagent:${agent}`]
    const program = ['-cp', [folder, ...jars].join(delimiter), 'Shop']
    const variables = {
      ...clientVariables('docs/getting-started/java.sh', protocol, endpoint, timeoutSeconds),
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    }
    return Promise.resolve(startProgram(javaProgram, [...jvm, ...program], variables))
  },
  story: (running, weft) =>
    expectCheckout(running, weft, {
      language: 'java',
      exception: 'java.lang.IllegalStateException',
      whole: '-9223372036854775808',
    }),
}
