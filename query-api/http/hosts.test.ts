import { expect, test } from 'vitest'
import { hostAllowed } from './hosts.ts'

test.each([
  ['localhost', true],
  ['LOCALHOST:4320', true],
  ['127.0.0.1:4320', true],
  ['[::1]:4320', true],
  ['[::1]', true],
  ['weft.example', true],
  ['Weft.Example:80', true],
  [undefined, false],
  ['', false],
  ['evil.example', false],
  ['localhost.evil.example', false],
  ['localhost@evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.2', false],
  ['[::2]', false],
  ['localhost:', false],
  ['localhost:80:80', false],
  ['localhost/', false],
])('Host: %s', (host, allowed) => expect(hostAllowed(host, ['weft.example'])).toBe(allowed))
