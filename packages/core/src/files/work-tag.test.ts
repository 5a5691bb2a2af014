import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ownerOf, workTag } from './work-tag.js'

const withStart = (start: string) => workTag().replace(/^(\d+)-[0-9a-f]+/, `$1-${start}`)

test('a tag says whose work it is, and nothing else is one', () => {
  expect(ownerOf(workTag())).toEqual({ pid: process.pid, state: 'self' })
  for (const name of ['', 'thesis', '999999999-abcd1234', `${workTag()}0`, `x${workTag()}`, '1.2.3'])
    expect(ownerOf(name)).toBeUndefined()
})

test('a process of another machine or container cannot be asked, whatever runs here under its id', () => {
  const [pid, start, machine, begun, random] = workTag().split('-')
  for (const other of [`${machine!.slice(0, 8)}00000000`, `00000000${machine!.slice(8)}`])
    expect(ownerOf([pid, start, other, begun, random].join('-'))).toEqual({
      pid: process.pid,
      state: undefined,
    })
})

test('a process that has ended is not taken for a later one that has its id', async () => {
  const ended = execFileSync(process.execPath, ['-p', 'process.pid']).toString().trim()
  expect(ownerOf(workTag().replace(/^\d+/, ended))?.state).toBe('ended')
  // As in a container that is started again: its first process always has the same id.
  expect(ownerOf(withStart('1'))?.state).toBe('ended')
})

test.runIf(existsSync('/proc/self/stat'))(
  'one that was killed has ended before its parent asks',
  async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const line = readFileSync(`/proc/${child.pid}/stat`, 'latin1')
    const start = line.slice(line.lastIndexOf(')') + 2).split(' ')[19]!
    const tag = withStart(start).replace(/^\d+/, String(child.pid))
    expect(ownerOf(tag)?.state).toBe('running')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(ownerOf(tag)?.state).toBe('ended')
  },
)
