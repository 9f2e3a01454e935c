import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isOnPath, keptFolder } from '../kept.ts'

const run = promisify(execFile)
const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/kafka', import.meta.url))
/** Kafka 4 needs it. */
const oldestJava = 17

/** The broker's version, as pom.xml has it. */
export const kafkaVersion =
  /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(readFileSync(pom, 'utf8'))?.[1] ?? 'unknown'

const jars = join(cache, kafkaVersion)

/** Where `java` is; JAVA_HOME goes before the PATH. */
export const javaProgram = process.env['JAVA_HOME'] ? join(process.env['JAVA_HOME'], 'bin/java') : 'java'

/** Why no broker can be started on this machine; undefined when one can. */
export async function whyNoBroker(): Promise<string | undefined> {
  try {
    const { stderr } = await run(javaProgram, ['-version'])
    const major = Number(/version "(\d+)/.exec(stderr)?.[1])
    if (!(major >= oldestJava)) return `Java ${oldestJava} or newer is needed, ${javaProgram} is ${major}`
  } catch {
    return `there is no Java (${oldestJava} or newer; Debian: openjdk-17-jre-headless)`
  }
  if (existsSync(jars)) return undefined
  return isOnPath('mvn') ? undefined : "there is no Maven, which brings Kafka's jars (Debian: maven)"
}

/** The folder with the broker's jars, which Maven brings from Maven Central the first time. */
export function kafkaJars(): Promise<string> {
  return keptFolder(jars, async (unborn) => {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${unborn}`]
    await run('mvn', ['-B', '-q', '-f', pom, ...goal], { maxBuffer: 16 * 2 ** 20 })
  })
}
