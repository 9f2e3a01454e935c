import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Option } from 'commander'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { weft } from '../cli/main.ts'
import { parseBytes } from '../cli/quantities.ts'
import { stopWithinMs } from '../cli/role.ts'

// What deploy/ and its page say must be true of the program: flags, variables, addresses, times. That the files do what
// they should in Docker and Kubernetes is not tested: neither is here.

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Container {
  readonly image: string
  readonly args: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly envFrom: readonly Readonly<Record<'configMapRef' | 'secretRef', { readonly name: string } | undefined>>[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly startupProbe: Probe
  readonly resources: { readonly requests: { readonly memory: string }; readonly limits: { readonly memory: string } }
  readonly securityContext: object
}
interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly enableServiceLinks: boolean
  readonly securityContext: object
  readonly containers: readonly Container[]
}
interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly selector?: { readonly matchLabels?: object }
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: Pod }
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string }
    readonly ports?: readonly { readonly port: number; readonly targetPort: string }[]
    readonly maxReplicaCount?: number
    readonly triggers?: readonly { readonly metadata: Readonly<Record<string, string>> }[]
    readonly rules?: readonly { readonly host: string }[]
  }
}
interface Kustomization {
  readonly resources: readonly string[]
  readonly configMapGenerator?: readonly { readonly name: string; readonly literals: readonly string[] }[]
  readonly patches?: readonly { readonly patch: string }[]
}
interface Service {
  readonly image: string
  readonly command?: readonly [string]
  readonly environment: Readonly<Record<string, string | number>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly volumes?: readonly string[]
  readonly healthcheck?: object
  readonly stop_grace_period?: string
  readonly mem_limit?: string
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: object
}

function documents<T>(path: string): readonly T[] {
  return parseAllDocuments(read(path), { merge: true, strict: true }).map((document) => {
    expect([...document.errors, ...document.warnings], path).toEqual([])
    return document.toJS() as T
  })
}

/** The options of a command, by flag and by variable. */
function optionsOf(name: string): { flags: ReadonlyMap<string, Option>; variables: ReadonlyMap<string, Option> } {
  const command = weft.commands.find((command) => command.name() === name)
  if (!command) throw new Error(`there is no weft ${name}`)
  return {
    flags: new Map(command.options.map((option) => [option.long ?? '', option])),
    variables: new Map(command.options.flatMap((option) => (option.envVar ? [[option.envVar, option]] : []))),
  }
}
const commands = weft.commands.map((command) => command.name())
const allVariables = new Set(commands.flatMap((name) => [...optionsOf(name).variables.keys()]))
const allFlags = new Set(commands.flatMap((name) => [...optionsOf(name).flags.keys()]))

/** The role takes this variable, and can read the value. */
function expectTaken(role: string, variable: string, value: string): void {
  const option = optionsOf(role).variables.get(variable)
  expect(option, `weft ${role} does not know ${variable}`).toBeDefined()
  if (!value.includes('${')) expect(() => option?.parseArg?.(value, undefined as never), variable).not.toThrow()
}

const roles = new Set(['collector', 'ingest', 'query-api'])
const seconds = (text: string | undefined) => Number(/^(\d+)s$/.exec(text ?? '')?.[1])
/** runRole ends itself two seconds after the time for an orderly stop. */
const stopSeconds = stopWithinMs / 1_000 + 2

describe('deploy/kubernetes', () => {
  const folder = 'deploy/kubernetes'
  const files = globSync('**/*.yaml', { cwd: join(root, folder) }).sort()
  const kustomizations = files.filter((file) => basename(file) === 'kustomization.yaml')
  const resources = files
    .filter((file) => !kustomizations.includes(file))
    .flatMap((file) => documents<Resource>(`${folder}/${file}`))
  const [config] = documents<Kustomization>(`${folder}/kustomization.yaml`)
  const settings = new Map(
    config?.configMapGenerator?.map(({ name, literals }) => [
      name,
      Object.fromEntries(literals.map((literal) => literal.split(/=(.*)/s).slice(0, 2) as [string, string])),
    ]),
  )
  const workloads = resources.filter(({ spec }) => spec?.template)
  const podOf = (workload: Resource) => workload.spec.template?.spec as Pod
  const containerOf = (workload: Resource) => podOf(workload).containers[0] as Container
  const envOf = (container: Container) =>
    Object.fromEntries(container.env?.map(({ name, value }) => [name, value]) ?? []) as Record<string, string>

  test('every file is one that a kustomization names', () => {
    const named = kustomizations.flatMap((file) =>
      documents<Kustomization>(`${folder}/${file}`).flatMap(({ resources }) =>
        resources.map((resource) => join(dirname(file), resource)),
      ),
    )
    expect([...named, ...kustomizations].sort()).toEqual(files)
  })

  test('there are the three roles, run from the image, and each is told what it knows', () => {
    expect(new Set(workloads.map((workload) => containerOf(workload).args[0]))).toEqual(roles)
    for (const workload of workloads) {
      const container = containerOf(workload)
      const role = container.args[0] ?? ''
      expect(container.image).toBe('weft')
      for (const flag of container.args.slice(1)) expect(optionsOf(role).flags.has(flag), flag).toBe(true)
      for (const [variable, value] of Object.entries(envOf(container))) expectTaken(role, variable, value)
      for (const { configMapRef, secretRef } of container.envFrom) {
        if (secretRef) expect(secretRef.name).toBe('weft')
        if (!configMapRef) continue
        const values = settings.get(configMapRef.name)
        expect(values, configMapRef.name).toBeDefined()
        for (const [variable, value] of Object.entries(values ?? {})) expectTaken(role, variable, value)
      }
    }
  })

  test('each pod may write nothing, is nobody, and has the time and memory it needs', () => {
    const memory = { collector: '512Mi', ingest: '1Gi', 'query-api': '512Mi' }
    for (const workload of workloads) {
      const [pod, container] = [podOf(workload), containerOf(workload)]
      expect(pod).toMatchObject({
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      const drain = envOf(container)['WEFT_DRAIN']
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan((drain ? seconds(drain) : 0) + stopSeconds)
      const expected = memory[container.args[0] as keyof typeof memory]
      expect([container.resources.requests.memory, container.resources.limits.memory]).toEqual([expected, expected])
      expect(parseBytes(envOf(container)['WEFT_MEMORY'] ?? '')).toBeLessThan(parseBytes(`${expected}B`))
    }
  })

  test('probes ask for what is served, where the image serves it', () => {
    const image = imageVariables()
    const ports = Object.fromEntries(
      Object.entries({
        'otlp-http': 'WEFT_OTLP_HTTP',
        'otlp-grpc': 'WEFT_OTLP_GRPC',
        http: 'WEFT_HTTP',
        admin: 'WEFT_ADMIN',
      }).map(([name, variable]) => [name, Number(image[variable]?.split(':').pop())]),
    )
    for (const workload of workloads) {
      const container = containerOf(workload)
      for (const { name, containerPort } of container.ports) expect(containerPort, name).toBe(ports[name])
      const { livenessProbe, readinessProbe, startupProbe } = container
      for (const [probe, path] of [
        [livenessProbe, '/livez'],
        [startupProbe, '/livez'],
        [readinessProbe, '/readyz'],
      ] as const)
        expect(probe.httpGet).toEqual({ path, port: 'admin' })
    }
    const names = new Set(workloads.flatMap((workload) => containerOf(workload).ports.map(({ name }) => name)))
    for (const { kind, spec } of resources)
      if (kind === 'Service') for (const { targetPort } of spec.ports ?? []) expect(names).toContain(targetPort)
  })

  test('what selects, scales and protects names what is there', () => {
    for (const { kind, metadata, spec } of resources) {
      const labels = spec?.selector?.matchLabels ?? spec?.selector
      if (labels) {
        const found = workloads.filter(({ spec }) => matches(spec.template?.metadata.labels, labels))
        expect(
          found.map(({ metadata }) => metadata.name),
          `${kind} ${metadata.name}`,
        ).toEqual([metadata.name])
      }
      if (spec?.scaleTargetRef) {
        const { kind, name } = spec.scaleTargetRef
        expect(
          workloads.some((one) => one.kind === kind && one.metadata.name === name),
          name,
        ).toBe(true)
      }
    }
  })

  test('lag is asked of the group, topic and brokers that ingest works with', () => {
    const scaled = resources.find(({ kind }) => kind === 'ScaledObject')
    const { variables } = optionsOf('ingest')
    const ingest = workloads.find(({ metadata }) => metadata.name === scaled?.spec.scaleTargetRef?.name) as Resource
    const brokers = scaled?.spec.triggers?.[0]?.metadata['bootstrapServersFromEnv'] ?? ''
    const given = containerOf(ingest).envFrom.map(({ configMapRef }) => settings.get(configMapRef?.name ?? ''))
    expect(given.find((values) => values?.[brokers])).toBeDefined()
    expect(scaled?.spec.triggers?.[0]?.metadata).toMatchObject({
      consumerGroup: variables.get('WEFT_KAFKA_GROUP')?.defaultValue as string,
      topic: variables.get('WEFT_KAFKA_TOPIC')?.defaultValue as string,
    })
    const collector = workloads.find((workload) => containerOf(workload).args[0] === 'collector') as Resource
    expect(scaled?.spec.maxReplicaCount).toBe(Number(envOf(containerOf(collector))['WEFT_KAFKA_PARTITIONS']))
  })

  test('the ingress adds its host name to those that are answered', () => {
    const [component] = documents<Kustomization>(`${folder}/ingress/kustomization.yaml`)
    const host = resources.find(({ kind }) => kind === 'Ingress')?.spec.rules?.[0]?.host
    const queryApi = workloads.find((workload) => containerOf(workload).args[0] === 'query-api') as Resource
    const at = /env\/(\d+)\/value\n\s+value: (.*)/.exec(component?.patches?.[0]?.patch ?? '')
    const patched = containerOf(queryApi).env?.[Number(at?.[1])]
    expect(patched?.name).toBe('WEFT_ALLOWED_HOST')
    expect(at?.[2]?.trim()).toBe(`${patched?.value},${host}`)
  })
})

describe('deploy/compose.yaml', () => {
  const [compose] = documents<Compose>('deploy/compose.yaml') as [Compose]

  test('there are the three roles, each told what it knows and given the time and memory it needs', () => {
    const weft = Object.values(compose.services).filter(({ image }) => image === 'weft')
    expect(new Set(weft.map(({ command }) => command?.[0]))).toEqual(roles)
    for (const { command, environment, stop_grace_period: grace, mem_limit: memory } of weft) {
      const role = command?.[0] ?? ''
      for (const [variable, value] of Object.entries(environment)) expectTaken(role, variable, String(value))
      expect(seconds(grace)).toBeGreaterThan(stopSeconds)
      expect(memory).toBe(role === 'ingest' ? '1g' : '512m')
      expect(parseBytes(String(environment['WEFT_MEMORY']))).toBeLessThan(parseBytes(`${memory}ib`))
    }
  })

  test('what is waited for can be healthy, and every volume is declared', () => {
    for (const [name, { depends_on: needed = {}, volumes = [] }] of Object.entries(compose.services)) {
      for (const [other, { condition }] of Object.entries(needed)) {
        expect(condition).toBe('service_healthy')
        expect(compose.services[other]?.healthcheck, `${name} waits for ${other}`).toBeDefined()
      }
      for (const volume of volumes) expect(compose.volumes).toHaveProperty(volume.split(':')[0] ?? '')
    }
  })
})

test('the image has every room that the program puts together', () => {
  const sources = globSync('cli/**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] })
  const rooms = new Set(
    sources.flatMap((path) => [...read(path).matchAll(/'(?:\.\.\/)+([a-z-]+)\//g)].map(([, room]) => room)),
  )
  expect(rooms.size).toBeGreaterThan(6)
  for (const room of rooms) {
    expect(read('deploy/Dockerfile')).toContain(`COPY ${room} ${room}\n`)
    expect(read('deploy/Dockerfile.dockerignore')).toContain(`\n!${room}\n`)
  }
})

test('the image sets variables that the roles know', () => {
  for (const [variable, value] of Object.entries(imageVariables())) {
    const role = ['collector', 'query-api'].find((name) => optionsOf(name).variables.has(variable)) ?? ''
    expectTaken(role, variable, value)
  }
})

test.each(['docs/cluster.md', 'docs/clickhouse.md', 'docs/kafka.md', 'README.md', 'deploy/Dockerfile'])(
  '%s names flags and variables that there are',
  (path) => {
    const text = read(path)
    const variables = new Set(text.match(/\bWEFT_[A-Z_]*[A-Z]\b/g))
    // Those of the tests, of the UI's development server, and of the program's inside.
    for (const inside of ['WEFT_LONG', 'WEFT_API']) variables.delete(inside)
    expect([...variables].filter((name) => !allVariables.has(name))).toEqual([])
    for (const [, command = '', rest = ''] of text.matchAll(
      /(?:\bweft(?:\.js)?|npm run weft --) ([a-z-]+)((?:[^\n`]|\\\n)*)/g,
    )) {
      if (!commands.includes(command)) continue
      const flags = rest.match(/--[a-z][a-z-]+/g) ?? []
      expect(
        flags.filter((flag) => !optionsOf(command).flags.has(flag)),
        `weft ${command}${rest}`,
      ).toEqual([])
    }
    const tabled = [...text.matchAll(/^\| `(--[a-z-]+)`/gm)].map(([, flag = '']) => flag)
    expect(tabled.filter((flag) => !allFlags.has(flag))).toEqual([])
  },
)

test.each(['docs/cluster.md', 'README.md'])('%s names metrics that there are', (path) => {
  const rooms = globSync('{collector,queue,ingest,store,query-api}/**/*.ts', { cwd: root })
  const known = new Set(rooms.flatMap((file) => read(file).match(/(?<=')weft_[a-z_]+(?=')/g) ?? []))
  const named = new Set(read(path).match(/\bweft_(?:collector|queue|ingest|store|query_api)_[a-z_]+[a-z]\b/g))
  expect([...named].filter((name) => !known.has(name))).toEqual([])
})

function imageVariables(): Record<string, string> {
  const text = read('deploy/Dockerfile').replaceAll(/\\\n\s*/g, '')
  return Object.fromEntries([...text.matchAll(/\b(WEFT_\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]))
}

function matches(labels: object | undefined, wanted: object): boolean {
  const has = Object.entries(labels ?? {})
  return Object.entries(wanted).every(([name, value]) => has.some(([key, own]) => key === name && own === value))
}
