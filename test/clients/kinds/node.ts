import { join } from 'node:path'
import { clientVariables, startProgram } from '../program.ts'
import { expectCheckout } from '../story.ts'
import type { Client } from '../client.ts'
import { programFolder } from '../tools.ts'

const client = (
  name: string,
  guide: string,
  protocols: Client['protocols'],
  loaded: () => readonly string[],
): Client => ({
  name,
  protocols,
  missing: undefined,
  prepare: () => Promise.resolve(),
  start(protocol, endpoint, timeoutSeconds) {
    const program = [...loaded(), join(programFolder('node'), 'shop.cjs')]
    return Promise.resolve(
      startProgram(process.execPath, program, clientVariables(guide, protocol, endpoint, timeoutSeconds)),
    )
  },
  story: (running, weft) =>
    // A number of JavaScript holds no integer of 64 bits.
    expectCheckout(running, weft, { language: 'nodejs', exception: 'RangeError', whole: '9007199254740991' }),
})

export const node = client(
  'Node.js',
  'docs/getting-started/node-sdk.sh',
  ['grpc', 'http/protobuf', 'http/json'],
  () => ['--require', join(programFolder('node'), 'sdk.cjs')],
)

/** The same program with the agent of this project instead of the SDK. */
export const agent = client('Node.js, @weft/node', 'docs/getting-started/node.sh', ['grpc', 'http/protobuf'], () => [
  '--import',
  import.meta.resolve('@weft/node'),
])
