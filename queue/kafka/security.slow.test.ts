import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../test/free-port.ts'
import { type Broker, startBroker } from '../../test/kafka/broker.ts'
import { describeWithKafka } from '../../test/kafka/testing.ts'
import { firstAssignment, numbered, readAll } from '../contract.suite.ts'
import type { KafkaOptions } from './options.ts'
import { KafkaBench } from './testing.ts'

const never = new AbortController().signal
const password = 'a password with ü'

// Within a description that is left out where there is no Java; keytool comes with it.
describeWithKafka('queue/kafka: TLS and SASL', () => {
  let folder: string
  let broker: Broker
  let ports: { readonly SSL: number; readonly SASL_PLAINTEXT: number; readonly SASL_SSL: number }
  let ca: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-kafka-keys-'))
    const keystore = join(folder, 'broker.p12')
    const store = ['-keystore', keystore, '-storetype', 'PKCS12', '-storepass', 'changeit', '-alias', 'broker']
    const names = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-keyalg', 'RSA', '-validity', '2']
    execFileSync('keytool', ['-genkeypair', ...store, ...names], { stdio: 'pipe' })
    execFileSync('keytool', ['-exportcert', '-rfc', '-file', join(folder, 'ca.pem'), ...store], { stdio: 'pipe' })
    ca = readFileSync(join(folder, 'ca.pem'), 'utf8')
    ports = { SSL: await freePort(), SASL_PLAINTEXT: await freePort(), SASL_SSL: await freePort() }
    const jaas = (login: string, more = '') =>
      `org.apache.kafka.common.security.${login} required username="broker" password="x"${more};`
    const login: Record<string, string> = {}
    for (const listener of ['sasl_plaintext', 'sasl_ssl']) {
      const of = (mechanism: string) => `listener.name.${listener}.${mechanism}.sasl.jaas.config`
      login[of('plain')] = jaas('plain.PlainLoginModule', ` user_plain="secret"`)
      for (const bits of [256, 512]) login[of(`scram-sha-${bits}`)] = jaas('scram.ScramLoginModule')
    }
    broker = await startBroker({
      listeners: ports,
      properties: {
        'ssl.keystore.location': keystore,
        'ssl.keystore.password': 'changeit',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        ...login,
      },
      scram: [256, 512].map((bits) => `SCRAM-SHA-${bits}=[name=scram${bits},password="${password}"]`),
    })
  }, 240_000)
  afterAll(async () => {
    await broker.destroy()
    rmSync(folder, { recursive: true, force: true })
  })

  async function roundTrip(port: number, options: Partial<KafkaOptions>): Promise<void> {
    // The topic is made over the plain listener: what is tried here is what writer and reader do.
    const bench = new KafkaBench(broker.address, { brokers: [`127.0.0.1:${port}`], openWithinMs: 5000, ...options })
    try {
      await bench.makeTopic({ partitions: 1 })
      const writer = await bench.writer()
      await writer.append([numbered(1)], never)
      const assignment = await firstAssignment(await bench.reader())
      expect((await readAll(assignment, 0n, 1)).map(({ body }) => body)).toEqual([numbered(1).body])
      await assignment.commit(1n, '')
    } finally {
      await bench.destroy()
    }
  }

  test('TLS with its own authority', () => roundTrip(ports.SSL, { tls: { ca } }))

  test('a certificate of an unknown authority is refused', async () => {
    await expect(roundTrip(ports.SSL, { tls: {} })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringMatching(/self-signed certificate/),
    })
  })

  const scram256 = { mechanism: 'scram-sha-256', user: 'scram256', password } as const
  const scram512 = { mechanism: 'scram-sha-512', user: 'scram512', password } as const
  const plain = { mechanism: 'plain', user: 'plain', password: 'secret' } as const

  test.each([plain, scram256, scram512])('SASL $mechanism', (sasl) => roundTrip(ports.SASL_PLAINTEXT, { sasl }))
  test.each([plain, scram256])('SASL $mechanism over TLS', (sasl) => roundTrip(ports.SASL_SSL, { sasl, tls: { ca } }))

  test.each([plain, scram256])('SASL $mechanism with a wrong password: told at once', async (right) => {
    const begun = performance.now()
    const wrong = roundTrip(ports.SASL_PLAINTEXT, { sasl: { ...right, password: 'wrong' } })
    await expect(wrong).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(performance.now() - begun).toBeLessThan(4000)
  })
})
