import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { silentLog } from '../base/log.ts'
import { RoleProcess } from './supervisor.ts'

test('a role that cannot even be started again is tried until it can', async () => {
  const data = mkdtempSync(join(tmpdir(), 'weft-supervisor-'))
  const flags = ['--data', data, '--otlp-http', '0', '--otlp-grpc', '0', '--log-level', 'error']
  let starts = 0
  const warned: object[] = []
  const role = new RoleProcess(
    {
      name: 'collector',
      // The second time the system refuses: more arguments than a process may have.
      flags: () => (++starts === 2 ? ['x'.repeat(8 * 1024 * 1024)] : flags),
    },
    { ...silentLog, warn: (fields) => warned.push(fields) },
    () => Promise.resolve(undefined),
  )
  try {
    await role.start()
    process.kill(role.pid!, 'SIGKILL')
    await vi.waitFor(async () => expect(await role.ask('health')).toEqual({ ok: true }), 20_000)
    expect(starts).toBe(3)
    expect(warned).toMatchObject([{ signal: 'SIGKILL' }, { error: expect.stringContaining('E2BIG') as unknown }])
  } finally {
    expect(await role.stop(10_000)).toBe(true)
    rmSync(data, { recursive: true })
  }
})
