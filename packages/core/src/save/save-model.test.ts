import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readJsonFile } from '../json/read-json-file.js'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { INFO_CHANNEL } from '../report/info.js'
import { bytesOf, float, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'

describe('a saved quantized model', () => {
  test('is loaded without being told so, and saved again to equal files', async () => {
    const model = await load(float, tinyShell(), rowInt8({ keepInFloat: ['layers.1'] }))
    const first = await save(join(folder, 'first'), float, model)
    const again = await load(first, tinyShell())
    expect(again.quantization?.quantized).toEqual(model.quantization?.quantized)
    expect(again.quantizer?.config.toDict()).toEqual({
      quant_method: 'row_int8',
      modules_to_not_convert: ['model.layers.1.up_proj', 'model.layers.1.down_proj', 'lm_head'],
      levels: 127,
    })
    const second = await save(join(folder, 'second'), first, again)
    for (const name of ['config.json', 'model.safetensors']) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
    }
  })

  test('may be cut into shards, with the components of one weight in different files', async () => {
    const model = await load(float, tinyShell(), rowInt8())
    const sharded = await save(join(folder, 'sharded'), float, model, 1600)
    const again = await load(sharded, tinyShell())
    expect(await bytesOf(again.shell)).toEqual(await bytesOf(model.shell))
  })

  test('lacking a component is refused by the name of the component', async () => {
    const model = await load(float, tinyShell(), rowInt8())
    const saved = await save(join(folder, 'whole'), float, model)
    const { tensors, ...checkpoint } = await openCheckpoint(saved)
    afterAll(() => checkpoint.close())
    const damaged = new Map(tensors)
    damaged.delete('model.layers.0.up_proj.weight_scale')
    const loading = load(saved, tinyShell(), undefined, { checkpoint: { ...checkpoint, tensors: damaged } })
    await expect(loading).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'model.layers.0.up_proj.weight_scale',
    })
  })
})

test('config.json keeps the numbers of the source as they were written', async () => {
  const saved = await save(join(folder, 'numbers'), float, await load(float, tinyShell()))
  expect(await readFile(join(saved, 'config.json'), 'utf8')).toBe(
    await readFile(join(float, 'config.json'), 'utf8'),
  )
})

describe('a file beside the weights that cannot be taken along is refused before anything is written', () => {
  const beside = async (name: string) => {
    const from = await writeTinyCheckpoint(join(folder, `beside-${name}`))
    await writeFile(join(folder, 'key'), 'a private key')
    return {
      from,
      file: join(from, name),
      out: join(folder, `out-${name}`),
      model: await load(from, tinyShell()),
    }
  }

  test('a link that leaves the folder', async () => {
    const { from, file, out, model } = await beside('vocab.json')
    await symlink('../key', file)
    await expect(save(out, from, model)).rejects.toMatchObject({ code: 'FILE_OUTSIDE_FOLDER', file })
    expect(existsSync(out)).toBe(false)
  })

  test.skipIf(process.platform === 'win32')('a named pipe', async () => {
    const { from, file, out, model } = await beside('merges.txt')
    execFileSync('mkfifo', [file])
    await expect(save(out, from, model)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', file })
    expect(existsSync(out)).toBe(false)
  })
})

test('weights may be linked from elsewhere, which an info event says', async () => {
  const from = join(folder, 'linking')
  await mkdir(from)
  await symlink(join(float, 'config.json'), join(from, 'config.json'))
  await symlink(join(float, 'model.safetensors'), join(from, 'model.safetensors'))
  const said: unknown[] = []
  const listen = (event: unknown) => void said.push(event)
  subscribe(INFO_CHANNEL, listen)
  await using checkpoint = await openCheckpoint(from)
  unsubscribe(INFO_CHANNEL, listen)
  expect(checkpoint.tensors.size).toBe(8)
  const target = await realpath(join(float, 'model.safetensors'))
  expect(said).toEqual([{ message: `${join(from, 'model.safetensors')} is a link to ${target}` }])
  // A configuration, which is copied into what is saved, may not.
  await expect(readJsonFile(join(from, 'config.json'))).rejects.toMatchObject({ code: 'FILE_OUTSIDE_FOLDER' })
})
