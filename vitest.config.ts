import { defineConfig } from 'vitest/config'

if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(
    'run the tests through npm, or with PATH="$PWD/node_modules/.bin:$PATH": they need the Node that is installed there',
  )
}

// Three kinds, told apart by suffix: `.test` (npm test), `.slow.test` (npm run test:slow, minutes, scaled times), and
// micro benches `.bench` that are run by hand with node. Most tests start real servers, so few run side by side.
const everywhere = [
  'base',
  'otlp',
  'collector',
  'queue',
  'ingest',
  'store',
  'rollup',
  'query-api',
  'ui',
  'agents',
  'demo',
  'cli',
  'bench',
  'test',
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    globalSetup: ['./test/not-tested/global-setup.ts', './test/kafka/global-setup.ts'],
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: everywhere.map((room) => `${room}/**/*.test.{ts,tsx}`),
          exclude: ['**/node_modules/**', '**/*.slow.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: everywhere.map((room) => `${room}/**/*.slow.test.ts`),
          exclude: ['**/node_modules/**'],
          testTimeout: 20 * 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
