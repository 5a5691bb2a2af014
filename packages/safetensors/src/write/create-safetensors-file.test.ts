import { writeSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { withFolder } from '../../attacks/raw-file.js'
import { createSafetensorsFile, layoutSafetensors, openSafetensors } from '../index.js'

const layout = layoutSafetensors([
  { name: 'a', dtype: 'U8', shape: [4] },
  { name: 'b', dtype: 'U16', shape: [2] },
]).files[0]!

it('takes the bytes in any order, by name or by descriptor', () =>
  withFolder(async (folder) => {
    const path = join(folder, layout.fileName)
    await using writer = await createSafetensorsFile(path, layout)
    await writer.write('a', Uint8Array.of(3, 4), 2)
    await writer.write('a', Uint8Array.of(1, 2))
    writeSync(writer.fd, Uint8Array.of(5, 6, 7, 8), 0, 4, layout.tensors.get('b')!.byteOffset)
    await writer.sync()

    await using file = await openSafetensors(path)
    expect([...(await file.read('a'))]).toEqual([1, 2, 3, 4])
    expect([...(await file.read('b'))]).toEqual([5, 6, 7, 8])
  }))

it('is a complete file of zeros before anything is written', () =>
  withFolder(async (folder) => {
    const path = join(folder, layout.fileName)
    await (await createSafetensorsFile(path, layout)).close()

    const bytes = await readFile(path)
    expect(bytes.byteLength).toBe(layout.byteLength)
    expect(bytes.subarray(layout.header.byteLength).every((byte) => byte === 0)).toBe(true)
  }))

it('works beyond 4 GB', () =>
  withFolder(async (folder) => {
    const rows = 5 * 2 ** 20
    const large = layoutSafetensors([
      { name: 'large', dtype: 'U8', shape: [rows, 1024] },
      { name: 'tail', dtype: 'BOOL', shape: [3] },
    ]).files[0]!
    const path = join(folder, large.fileName)
    expect(large.tensors.get('tail')!.byteOffset).toBeGreaterThan(2 ** 32)

    await using writer = await createSafetensorsFile(path, large)
    await writer.write('tail', Uint8Array.of(1, 0, 1))
    await writer.write('large', Uint8Array.of(7, 8, 9), (rows - 1) * 1024 + 1021)

    await using file = await openSafetensors(path)
    expect((await stat(path)).size).toBe(large.byteLength)
    expect([...(await file.read('tail'))]).toEqual([1, 0, 1])
    const row = await file.read('large', { rows: [rows - 1, rows] })
    expect([...row.subarray(1020)]).toEqual([0, 7, 8, 9])
    for await (const piece of file.stream('large', { bytes: [rows * 1024 - 2, rows * 1024] })) {
      expect([...piece]).toEqual([8, 9])
    }
    await expect(file.read('large')).rejects.toMatchObject({
      code: 'SAFETENSORS_READ_TOO_LARGE',
      tensor: 'large',
    })
  }))

it('does not touch a file that exists', () =>
  withFolder(async (folder) => {
    const path = join(folder, layout.fileName)
    await (await createSafetensorsFile(path, layout)).close()

    await expect(createSafetensorsFile(path, layout)).rejects.toMatchObject({
      code: 'FILE_EXISTS',
      file: path,
    })
    expect((await stat(path)).size).toBe(layout.byteLength)
  }))

it('names a folder that does not exist', async () => {
  await expect(createSafetensorsFile('nowhere/a.safetensors', layout)).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    file: 'nowhere/a.safetensors',
  })
})

it('refuses bytes outside the tensor, unknown tensors and use after close', () =>
  withFolder(async (folder) => {
    const path = join(folder, layout.fileName)
    const writer = await createSafetensorsFile(path, layout)
    const outside = { code: 'SAFETENSORS_RANGE', tensor: 'a', file: path }
    await expect(writer.write('a', new Uint8Array(5))).rejects.toMatchObject(outside)
    await expect(writer.write('a', new Uint8Array(1), 4)).rejects.toMatchObject(outside)
    await expect(writer.write('a', new Uint8Array(1), -1)).rejects.toMatchObject(outside)
    await expect(writer.write('c', new Uint8Array(1))).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'c',
    })

    await Promise.all([writer.close(), writer.close()])
    const closed = { code: 'SAFETENSORS_CLOSED', file: path }
    await expect(writer.write('a', new Uint8Array(1))).rejects.toMatchObject(closed)
    await expect(writer.sync()).rejects.toMatchObject(closed)
    expect(() => writer.fd).toThrow(expect.objectContaining(closed))
  }))
