import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError, messageOf } from '../base/errors.ts'

/**
 * Makes the data folder and takes it for this process. The lock is a listening Unix socket (a named pipe on Windows): it
 * ends with its process however that ends, where a file with a pid would outlive a kill -9. Its name is a hash of the
 * folder's real path, because socket paths are limited to some 100 bytes.
 *
 * @throws AppError UNAVAILABLE when the folder cannot be written or another process has it.
 */
export async function lockFolder(folder: string): Promise<{ release(): void }> {
  try {
    mkdirSync(folder, { recursive: true })
    const probe = join(folder, `.writable-${process.pid}`)
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    throw new AppError('UNAVAILABLE', `cannot write to the data folder ${folder}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  const name = `weft-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 24)}`
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.lock`)
  const server = createServer((socket) => socket.destroy())
  if (!(await listened(server, path))) {
    if (await answers(path)) {
      throw new AppError('UNAVAILABLE', `the data folder ${folder} is in use by another weft`)
    }
    rmSync(path, { force: true })
    if (!(await listened(server, path)))
      throw new AppError('UNAVAILABLE', `cannot lock the data folder ${folder} (${path})`)
  }
  server.unref()
  return { release: () => void server.close() }
}

async function listened(server: Server, path: string): Promise<boolean> {
  server.listen(path)
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
