import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { checkOutputFolder, stageFolder } from './stage-folder.js'

const parent = temporaryFolder(afterAll)

/** A folder that a new one will replace. */
async function oldFolder(name: string): Promise<string> {
  const folder = join(parent, name, 'model')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.safetensors'), 'old')
  return folder
}

test.skipIf(process.platform === 'win32')(
  'what is taken along keeps its modes, also where it may not be written',
  async () => {
    const folder = await oldFolder('modes')
    const modes = { shared: 0o2775, closed: 0o555 }
    for (const [name, mode] of Object.entries(modes)) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'loss.txt'), '0.38')
      await chmod(join(folder, name), mode)
    }
    await (await stageFolder(folder)).commit((name) => name.startsWith('model'))
    for (const [name, mode] of Object.entries(modes)) {
      expect((await stat(join(folder, name))).mode & 0o7777).toBe(mode)
      expect(await readFile(join(folder, name, 'loss.txt'), 'utf8')).toBe('0.38')
    }
    expect(await readdir(join(parent, 'modes'))).toEqual(['model'])
  },
)

test.skipIf(process.platform === 'win32')('what would be lost is refused before any work', async () => {
  const folder = await oldFolder('socket')
  await mkdir(join(folder, 'runs'))
  const socket = join(folder, 'runs', 'socket')
  const server = createServer().listen(socket)
  await once(server, 'listening')
  const refused = { code: 'OUTPUT_UNSUITABLE', file: socket }
  await expect(checkOutputFolder(folder)).rejects.toMatchObject(refused)
  await expect(stageFolder(folder)).rejects.toMatchObject(refused)
  expect(await readdir(join(parent, 'socket'))).toEqual(['model'])
  server.close()
})
