import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SafetensorsErrorCode } from '../src/index.js'
import { rawFile } from './raw-file.js'

/** An index that must be refused. `text` is the file itself; `prepare` puts other files around it. */
export interface HostileIndex {
  readonly title: string
  readonly code: SafetensorsErrorCode
  /** What the message must contain: the tensor, the shard or the file. */
  readonly names: readonly string[]
  readonly text: string
  readonly prepare?: (folder: string) => Promise<void>
}

const tensor = { dtype: 'U8', shape: [1], data_offsets: [0, 1] }
const shard = rawFile({ w: tensor }, 1)
const mapsTo = (file: string) => JSON.stringify({ weight_map: { w: file } })
const escapes = (title: string, file: string): HostileIndex => ({
  title,
  code: 'INDEX_PATH_ESCAPES',
  names: ['"w"', JSON.stringify(file)],
  text: mapsTo(file),
})
const bad = (title: string, text: string): HostileIndex => ({
  title,
  code: 'INDEX_BAD',
  names: ['model.safetensors.index.json'],
  text,
})

export const hostileIndexes: readonly HostileIndex[] = [
  bad('an empty file', ''),
  bad('a list', '[]'),
  bad('no weight_map', '{"metadata":{}}'),
  bad('a weight_map that is a list', '{"weight_map":[]}'),
  bad('a shard that is a number', '{"weight_map":{"w":1}}'),
  bad('a shard without name', mapsTo('')),
  bad('a name with a zero byte', mapsTo('a\0.safetensors')),
  bad(
    'more shards than any model has',
    JSON.stringify({
      weight_map: Object.fromEntries(
        Array.from({ length: 10_001 }, (_, index) => [`w${index}`, `${index}.safetensors`]),
      ),
    }),
  ),
  {
    title: 'a tensor mapped twice',
    code: 'SAFETENSORS_DUPLICATE_KEY',
    names: ['"w"'],
    text: '{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}',
  },
  escapes('a path to the folder above', '../outside.safetensors'),
  escapes('a path that goes down and up', 'sub/../../outside.safetensors'),
  escapes('a path with backslashes', '..\\outside.safetensors'),
  escapes('an absolute path', '/outside.safetensors'),
  escapes('an absolute path of another system', 'C:\\outside.safetensors'),
  escapes('a path relative to a drive', 'C:outside.safetensors'),
  {
    title: 'a link to a file outside',
    code: 'INDEX_PATH_ESCAPES',
    names: ['"link.safetensors"'],
    text: mapsTo('link.safetensors'),
    async prepare(folder) {
      await writeFile(join(folder, '..', 'outside.safetensors'), shard)
      await symlink(join('..', 'outside.safetensors'), join(folder, 'link.safetensors'))
    },
  },
  {
    title: 'a link to a folder outside',
    code: 'INDEX_PATH_ESCAPES',
    names: ['"link/outside.safetensors"'],
    text: mapsTo('link/outside.safetensors'),
    async prepare(folder) {
      await writeFile(join(folder, '..', 'outside.safetensors'), shard)
      await symlink('..', join(folder, 'link'))
    },
  },
  {
    title: 'a shard that is a folder',
    code: 'FILE_UNREADABLE',
    names: ['a.safetensors'],
    text: mapsTo('a.safetensors'),
    async prepare(folder) {
      await mkdir(join(folder, 'a.safetensors'))
    },
  },
  {
    title: 'a shard that does not exist',
    code: 'FILE_NOT_FOUND',
    names: ['a.safetensors', 'model.safetensors.index.json'],
    text: mapsTo('a.safetensors'),
  },
  {
    title: 'a damaged shard',
    code: 'SAFETENSORS_TRAILING_BYTES',
    names: ['a.safetensors'],
    text: mapsTo('a.safetensors'),
    prepare: (folder) => writeFile(join(folder, 'a.safetensors'), rawFile({ w: tensor }, 2)),
  },
]
