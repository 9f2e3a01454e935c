import type { Attribute, Resource } from './model.ts'
import { Random } from './random.ts'
import { type ServiceName, services } from './shop.ts'

const sdkVersions = { nodejs: '2.0.1', java: '1.49.0', go: '1.36.0', python: '1.33.1', cpp: '1.20.0', dotnet: '1.12.0' }
const runtimes = {
  nodejs: ['nodejs', '24.3.0'],
  java: ['OpenJDK Runtime Environment', '21.0.7+6-LTS'],
  go: ['go', 'go1.24.4'],
  python: ['cpython', '3.13.5'],
  cpp: ['envoy', '1.36.2'],
  dotnet: ['.NET', '9.0.6'],
} as const

const hashOf = (name: string): number => Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) | 0, 7)

/** One instance of a service with some ten resource attributes, the same for the same arguments. */
export function resourceOf(name: ServiceName, index: number, version: string): Resource {
  const { language, conventions } = services[name]
  const random = new Random(index + 1, hashOf(name))
  const instance = `${name}-${random.hex(9)}-${random.hex(5)}`
  const [runtime, runtimeVersion] = runtimes[language]
  const attributes: Attribute[] = [
    { key: 'service.name', value: name },
    { key: 'service.namespace', value: 'shop' },
    { key: 'service.version', value: version },
    { key: 'service.instance.id', value: instance },
    { key: 'telemetry.sdk.name', value: 'opentelemetry' },
    { key: 'telemetry.sdk.language', value: language },
    { key: 'telemetry.sdk.version', value: sdkVersions[language] },
    { key: 'host.name', value: `node-${index % 3}.eu-central-1.compute.internal` },
    { key: 'k8s.pod.name', value: instance },
    { key: 'k8s.namespace.name', value: 'shop' },
    { key: conventions === 'new' ? 'deployment.environment.name' : 'deployment.environment', value: 'production' },
    { key: 'process.pid', value: BigInt(1 + random.int(200)) },
    { key: 'process.runtime.name', value: runtime },
    { key: 'process.runtime.version', value: runtimeVersion },
  ]
  return { service: name, instance, index, version, conventions, language, attributes }
}
