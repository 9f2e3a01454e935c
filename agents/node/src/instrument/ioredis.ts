interface Command {
  readonly name: string
}

interface Client {
  readonly status: string
}

type Send = (this: Client, command: Command, ...more: unknown[]) => unknown

// What a client says by itself when it has connected.
const greetings = new Set(['auth', 'client', 'hello', 'info', 'select'])

/**
 * ioredis hands a command that has to wait for the connection to `sendCommand` a second time when there is one, and what
 * it greets the server with goes the same way. Each command of the program is one span.
 */
export function onceEachCommand(redis: unknown): void {
  const { prototype } = redis as { prototype: { sendCommand: Send & { __original?: Send } } }
  const traced = prototype.sendCommand
  const plain = traced.__original
  if (plain === undefined) return
  const queued = new WeakSet<Command>()
  prototype.sendCommand = function (this: Client, command, ...more) {
    const isReady = this.status === 'ready'
    if (queued.has(command) || (!isReady && greetings.has(command.name))) return plain.call(this, command, ...more)
    if (!isReady) queued.add(command)
    return traced.call(this, command, ...more)
  }
}
