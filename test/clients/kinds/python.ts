import { join } from 'node:path'
import { pythonWithRequirements } from '../../python.ts'
import { clientVariables, startProgram, usualTimeoutSeconds } from '../program.ts'
import { expectCheckout } from '../story.ts'
import type { Client } from '../client.ts'
import { programFolder, whyNoPython } from '../tools.ts'

let folder = ''

export const python: Client = {
  name: 'Python',
  protocols: ['grpc', 'http/protobuf'],
  missing: await whyNoPython(),
  async prepare() {
    folder = await pythonWithRequirements('client', join(programFolder('python'), 'requirements.txt'))
  },
  start(protocol, endpoint, timeoutSeconds = usualTimeoutSeconds) {
    // What `opentelemetry-instrument` is; the program of that name knows another folder.
    const instrument = 'from opentelemetry.instrumentation.auto_instrumentation import run; run()'
    const python = join(folder, 'bin/python')
    const program = join(programFolder('python'), 'shop.py')
    const variables = {
      ...clientVariables('docs/getting-started/python.sh', protocol, endpoint, timeoutSeconds),
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      // Here they are seconds.
      OTEL_EXPORTER_OTLP_TIMEOUT: String(timeoutSeconds),
    }
    return Promise.resolve(startProgram(python, ['-c', instrument, python, program], variables))
  },
  story: (running, weft) =>
    expectCheckout(running, weft, {
      language: 'python',
      exception: 'LookupError',
      whole: '-9223372036854775808',
    }),
}
