import { Command, Option } from 'commander'
import { positive } from '../arguments.ts'
import { type LoadOptions, runLoad } from './load.ts'
import { stories, storyNames } from './stories.ts'

interface Given extends LoadOptions {
  readonly json?: boolean
  readonly listStories?: boolean
}

const command = new Command('load')
  .description('sends the traces of a shop of 14 services over OTLP and says what was acknowledged')
  .option('--url <url>', 'OTLP endpoint', 'http://127.0.0.1:4318')
  .addOption(new Option('--protocol <protocol>', 'OTLP transport').choices(['http', 'grpc']).default('http'))
  .option('--gzip', 'compress the bodies')
  .option('--rate <spans>', 'spans a second; without it as fast as they are taken', positive)
  .option(
    '--seconds <seconds>',
    'how long to send; the round of the pool that is under way is sent to its end',
    positive,
    10,
  )
  .option('--connections <n>', 'connections, one request at a time on each', positive, 4)
  .addOption(new Option('--story <name>', 'plant a cause').choices(storyNames))
  .option('--list-stories', 'tell what each story plants and how it would be seen')
  .addOption(new Option('--style <style>', 'how spans are batched').choices(['sdk', 'proxy']).default('sdk'))
  .option('--size <spans>', 'spans in a full request', positive, 512)
  .addOption(
    new Option('--attributes <how>', '10 to 20 a span by operation, or the 14 of the benches')
      .choices(['varied', 'bench'])
      .default('varied'),
  )
  .option('--instances <n>', 'instances of each service', positive)
  .option('--pool-spans <n>', 'spans made beforehand and sent over and over under other ids', positive)
  .option('--seed <n>', 'the same traces and ids each time', positive)
  .option('--ledger <file>', 'append the attribute ledger.key of each acknowledged span to this file')
  .option('--give-up-ms <ms>', 'how long a request is tried again', positive, 120_000)
  .option('--json', 'print the result as JSON')
  .action(async (given: Given) => {
    if (given.listStories) {
      for (const [name, { plants, seen }] of Object.entries(stories)) {
        process.stdout.write(`${name}\n  plants: ${plants}\n  seen:   ${seen}\n\n`)
      }
      return
    }
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
    const { truth, ...result } = await runLoad({ ...given, signal: stop.signal })
    if (given.json) {
      const count = (figures: typeof truth.edges) =>
        Object.fromEntries([...figures].map(([key, { requests, errors }]) => [key, { requests, errors }]))
      const sums = { traces: truth.traces, services: count(truth.services), edges: count(truth.edges) }
      process.stdout.write(`${JSON.stringify({ ...result, truth: sums })}\n`)
    } else process.stdout.write(describe(result))
    if (result.failed > 0) process.exitCode = 1
  })

function describe(result: Omit<Awaited<ReturnType<typeof runLoad>>, 'truth'>): string {
  const { latency } = result
  const whys = Object.entries(result.reasons).map(([why, times]) => `  ${times} × ${why}\n`)
  return `${result.spans} spans in ${result.requests} requests acknowledged in ${result.seconds.toFixed(1)} s: ${Math.round(result.spansPerSecond)} spans/s, ${(result.bytes / result.spans).toFixed(0)} B a span
acknowledged after ${latency.p50.toFixed(1)} ms (p50), ${latency.p99.toFixed(1)} (p99), ${latency.max.toFixed(1)} (longest)
${result.retries} retries, ${result.failed} requests failed, ${result.rejected} spans rejected
${whys.join('')}`
}

await command.parseAsync()
