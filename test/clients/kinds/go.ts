import { clientVariables, startProgram } from '../program.ts'
import { expectCheckout } from '../story.ts'
import type { Client } from '../client.ts'
import { goProgram, whyNoGo } from '../tools.ts'

let program = ''

export const go: Client = {
  name: 'Go',
  protocols: ['grpc', 'http/protobuf'],
  missing: await whyNoGo('go'),
  async prepare() {
    program = await goProgram('go')
  },
  start: (protocol, endpoint, timeoutSeconds) =>
    Promise.resolve(
      startProgram(program, [], clientVariables('docs/getting-started/go.sh', protocol, endpoint, timeoutSeconds)),
    ),
  story: (running, weft) =>
    expectCheckout(running, weft, {
      language: 'go',
      exception: '*errors.errorString',
      whole: '-9223372036854775808',
    }),
}
