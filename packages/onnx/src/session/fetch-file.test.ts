import { open } from 'node:fs/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import { fetchFile } from './fetch-file.js'

vi.mock('node:fs/promises', () => ({ open: vi.fn() }))

const SIZE = 512 * 2 ** 20
const NEVER = new AbortController().signal

/** A file whose reads take so long, in milliseconds, and that notes how many bytes were read. */
function fileThatTakes(milliseconds: number, onRead = (_bytes: number) => {}) {
  const file = { bytes: 0, isClosed: false }
  const read = async (_buffer: Uint8Array, _offset: number, length: number, position: number) => {
    const until = performance.now() + milliseconds
    while (performance.now() < until);
    const bytesRead = Math.min(length, SIZE - position)
    file.bytes += bytesRead
    onRead(file.bytes)
    return { bytesRead }
  }
  const close = async () => {
    file.isClosed = true
  }
  vi.mocked(open).mockResolvedValueOnce({ read, close } as never)
  return file
}

beforeEach(() => vi.mocked(open).mockReset())

test('a file on a disk is read to its end', async () => {
  const file = fileThatTakes(3)
  await fetchFile('weights.bin', SIZE, NEVER)
  expect(file).toEqual({ bytes: SIZE, isClosed: true })
})

test('of one that is in memory little is read', async () => {
  const file = fileThatTakes(0)
  await fetchFile('weights.bin', SIZE, NEVER)
  expect(file.bytes).toBeLessThan(SIZE / 4)
  expect(file.isClosed).toBe(true)
})

test('reading ends when the session does', async () => {
  const controller = new AbortController()
  const file = fileThatTakes(3, () => controller.abort())
  await fetchFile('weights.bin', SIZE, controller.signal)
  expect(file.bytes).toBeLessThan(SIZE / 4)
  expect(file.isClosed).toBe(true)
})

test('what cannot be read is left to whoever needs it, and so is what is larger than memory', async () => {
  const file = fileThatTakes(0, () => {
    throw new Error('input/output error')
  })
  await fetchFile('weights.bin', SIZE, NEVER)
  expect(file.isClosed).toBe(true)
  vi.mocked(open).mockRejectedValueOnce(new Error('no such file'))
  await fetchFile('weights.bin', SIZE, NEVER)
  vi.mocked(open).mockClear()
  await fetchFile('weights.bin', 2 ** 60, NEVER)
  expect(open).not.toHaveBeenCalled()
})
