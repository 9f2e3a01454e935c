import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

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
  const onPath = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'mvn')))
  return onPath ? undefined : "there is no Maven, which brings Kafka's jars (Debian: maven)"
}

/**
 * The folder with the broker's jars, which Maven brings from Maven Central the first time. Several processes may ask at
 * once: each fills a folder of its own, and the first that is done gives it the final name.
 */
export async function kafkaJars(): Promise<string> {
  if (existsSync(jars)) return jars
  mkdirSync(cache, { recursive: true })
  const unborn = mkdtempSync(join(cache, 'unborn-'))
  try {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${unborn}`]
    await run('mvn', ['-B', '-q', '-f', pom, ...goal], { maxBuffer: 16 * 2 ** 20 })
    try {
      renameSync(unborn, jars)
    } catch (error) {
      if (!existsSync(jars)) throw error
    }
  } finally {
    rmSync(unborn, { recursive: true, force: true })
  }
  return jars
}
