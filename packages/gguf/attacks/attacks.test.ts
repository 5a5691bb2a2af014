import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GgufError, openGguf, parseGgufHeader } from '../src/index.js'
import { hostileFiles } from './hostile-files.js'
import { joined, pair, rawGguf, u32, u64, withFolder } from './raw-gguf.js'

const refusal = (promise: Promise<unknown>): Promise<GgufError> =>
  promise.then(
    () => {
      throw new Error('the file was accepted')
    },
    (error: unknown) => {
      if (GgufError.isInstance(error)) return error
      throw error
    },
  )

describe('a hostile file is refused', () => {
  it.each(hostileFiles)('$title: $code', async ({ code, key, tensor, message, bytes }) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'hostile.gguf')
      await writeFile(path, bytes())

      const error = await refusal(openGguf(path))

      expect(error).toMatchObject({ code, file: path, key, tensor, message })
      expect(error.message).toContain(path)
      expect(error.hint).not.toBe('')
    })
  })

  it.each(hostileFiles)('$title: also when it is in memory already', async ({ code, bytes }) => {
    const error = await refusal(Promise.resolve().then(() => parseGgufHeader(bytes(), { file: 'in memory' })))

    expect(error).toMatchObject({ code, file: 'in memory' })
  })
})

/** A file of so many bytes that takes no place on the disk. */
async function withSparseFile(
  start: Uint8Array,
  byteLength: number,
  action: (path: string) => Promise<void>,
) {
  await withFolder(async (folder) => {
    const path = join(folder, 'sparse.gguf')
    const handle = await open(path, 'w')
    await handle.writeFile(start)
    await handle.truncate(byteLength)
    await handle.close()
    await action(path)
  })
}

const TERABYTE = 2 ** 40

describe('a file of a terabyte of zeros costs no memory', () => {
  it.each([
    ['a text', pair('k', 8, u64(2 ** 39))],
    ['numbers', pair('k', 9, u32(0), u64(2 ** 39))],
    ['strings', pair('k', 9, u32(8), u64(2 ** 36))],
  ])('for %s as long as the half of it', (_, value) =>
    withSparseFile(rawGguf({ pairs: [value] }), TERABYTE, async (path) => {
      expect(await refusal(openGguf(path))).toMatchObject({ code: 'GGUF_HEADER_TOO_LARGE', key: 'k' })
    }),
  )

  it.each([
    ['tensors', { infoCount: 2 ** 30 }],
    ['pairs', { pairCount: 2 ** 30 }],
  ])('for as many %s as it has room for', (_, counts) =>
    withSparseFile(rawGguf(counts), TERABYTE, async (path) => {
      expect(await refusal(openGguf(path))).toMatchObject({
        code: 'GGUF_COUNT_IMPOSSIBLE',
        message: /announces 1073741824 .* may have 1000000/,
      })
    }),
  )
})

it('shows a name that a terminal would act on in escapes, and cut', () => {
  const key = `\u001b[2J\u202e${'x'.repeat(500)}`
  const bytes = rawGguf({ pairs: [pair(key, 13, new Uint8Array(8))] })

  expect(() => parseGgufHeader(joined(bytes))).toThrow(/"\\u001b\[2J\\u202ex{195}"…/)
})
