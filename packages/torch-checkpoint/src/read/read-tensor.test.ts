import { truncate } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { dict, storage, tensor, text } from '../../attacks/build-pickle.js'
import { collect, tensorOf, withCheckpoint } from './torch-file.fixture.js'

describe('read and stream', () => {
  /** Rows of [[1, 2], [3, 4]], as they are and transposed. */
  const matrices = dict(
    text('m'),
    tensor({ shape: [2, 2], stride: [2, 1] }),
    text('t'),
    tensor({ shape: [2, 2], stride: [1, 2] }),
    text('s'),
    tensor({ shape: [], stride: [] }),
  )
  const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.slice().buffer)]

  it('read rows and bytes of any layout', () =>
    withCheckpoint(matrices, async (file) => {
      const [m, t] = [tensorOf(file, 'm'), tensorOf(file, 't')]
      expect(floats(await file.read(m, { rows: [1, 2] }))).toEqual([3, 4])
      expect(floats(await file.read(t, { rows: [1, 2] }))).toEqual([2, 4])
      expect(floats(await file.read(t, { bytes: [4, 12] }))).toEqual([3, 2])
      const whole = await file.read(t)
      expect(await file.read(t, { bytes: [3, 9] })).toEqual(whole.slice(3, 9))
      expect(
        (await collect(file.stream(t, { rows: [0, 1], chunkBytes: 3 }))).map((piece) => piece.length),
      ).toEqual([3, 3, 2])
    }))

  it.each([
    ['rows past the end', 'm', { rows: [0, 3] }, /has 2 rows; \[0, 3\)/],
    ['rows in the wrong order', 't', { rows: [2, 1] }, /\[2, 1\)/],
    ['rows of a scalar', 's', { rows: [0, 1] }, /scalar/],
    ['bytes past the end', 't', { bytes: [0, 17] }, /has 16 bytes/],
    ['rows and bytes at once', 'm', { rows: [0, 1], bytes: [0, 1] }, /choose one/],
  ] as const)('refuse %s', (_, name, options, message) =>
    withCheckpoint(matrices, async (file, path) => {
      const expected = { code: 'TENSOR_RANGE', tensor: name, file: path, message }
      await expect(file.read(tensorOf(file, name), options)).rejects.toMatchObject(expected)
      await expect(collect(file.stream(tensorOf(file, name), options))).rejects.toMatchObject(expected)
    }),
  )

  it('refuse a piece length that never ends', () =>
    withCheckpoint(matrices, async (file) => {
      await expect(collect(file.stream(tensorOf(file, 'm'), { chunkBytes: 0 }))).rejects.toMatchObject({
        code: 'TENSOR_RANGE',
        message: /chunkBytes is 0/,
      })
    }))

  it('refuse the tensor of another file', () =>
    withCheckpoint(matrices, (first) =>
      withCheckpoint(matrices, async (second, path) => {
        await expect(first.read(tensorOf(second, 'm'))).rejects.toMatchObject({
          code: 'TENSOR_FOREIGN',
          message: expect.stringContaining(path),
        })
      }),
    ))

  it('stop when the signal is aborted', () =>
    withCheckpoint(matrices, async (file) => {
      const reason = new Error('enough')
      const signal = AbortSignal.abort(reason)
      for (const name of ['m', 't']) {
        await expect(file.read(tensorOf(file, name), { signal })).rejects.toBe(reason)
      }
      const controller = new AbortController()
      const stream = file.stream(tensorOf(file, 't'), { chunkBytes: 4, signal: controller.signal })
      await stream.next()
      controller.abort(reason)
      await expect(stream.next()).rejects.toBe(reason)
    }))

  it('refuse use after close, and close twice without complaint', () =>
    withCheckpoint(matrices, async (file, path) => {
      await Promise.all([file.close(), file.close()])
      const closed = { code: 'FILE_CLOSED', file: path }
      await expect(file.read(tensorOf(file, 'm'))).rejects.toMatchObject(closed)
      await expect(file.stream(tensorOf(file, 't')).next()).rejects.toMatchObject(closed)
      expect(() => file.fd).toThrow(expect.objectContaining(closed))
    }))

  it('notice a file that is cut while it is open', () =>
    withCheckpoint(matrices, async (file, path) => {
      await truncate(path, 100)
      await expect(file.read(tensorOf(file, 't'))).rejects.toMatchObject({
        code: 'FILE_TRUNCATED',
        file: path,
      })
    }))
})

it('gives bytes that nobody else holds', () =>
  withCheckpoint(dict(text('w'), tensor({ storage: storage() })), async (file) => {
    const bytes = await file.read(tensorOf(file, 'w'))
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 16])
  }))
