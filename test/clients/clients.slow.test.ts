import { afterAll, beforeAll } from 'vitest'
import { type RunningWeft, startWeft } from '../weft.ts'
import { browser } from './kinds/browser.ts'
import { caddy } from './kinds/caddy.ts'
import { go } from './kinds/go.ts'
import { java } from './kinds/java.ts'
import { agent, node } from './kinds/node.ts'
import { python } from './kinds/python.ts'
import { rotel } from './kinds/rotel.ts'
import { testClient, testOutage } from './suite.ts'

const clients = [node, agent, java, python, go, caddy, rotel, browser]

let weft: RunningWeft
beforeAll(async () => {
  weft = await startWeft()
})
afterAll(async () => {
  for (const client of clients) await client.close?.()
  await weft?.close()
})

for (const client of clients) testClient(client, () => weft)
testOutage(clients, () => weft)
