import { posix, win32 } from 'node:path'
import { quote, SafetensorsError, type SafetensorsErrorCode } from '../errors.js'
import { createJsonCursor, type JsonValue } from '../header/json-cursor.js'

/** What `model.safetensors.index.json` says. */
export interface SafetensorsIndex {
  /** Free form; usually `total_size` in bytes. No prototype; empty when the file has none. */
  readonly metadata: Readonly<Record<string, JsonValue>>
  /** Tensor to shard, in file order. */
  readonly weightMap: ReadonlyMap<string, string>
}

/** Far above any model in use; each shard keeps one descriptor open. */
const MAX_SHARDS = 10_000

/** Parses and checks the text of an index; whether the shards exist is not its concern. Throws {@link SafetensorsError}. */
export function parseSafetensorsIndex(text: string, file: string): SafetensorsIndex {
  const refuse = (code: SafetensorsErrorCode, problem: string, tensor?: string): never => {
    throw new SafetensorsError(code, `${file}: ${problem}`, { file, ...(tensor !== undefined && { tensor }) })
  }
  const json = createJsonCursor(text, ({ kind, message, key }) => {
    if (kind === 'syntax') return refuse('INDEX_BAD', message)
    return refuse('SAFETENSORS_DUPLICATE_KEY', `the key ${quote(key ?? '')} appears twice`, key)
  })

  let metadata: Readonly<Record<string, JsonValue>> = Object.create(null)
  let weightMap: Map<string, string> | undefined
  const shards = new Set<string>()
  const readShardName = (tensor: string): string => {
    if (json.peek() !== '"')
      refuse('INDEX_BAD', `the shard of tensor ${quote(tensor)} is not a string`, tensor)
    const shard = json.string()
    if (!shards.has(shard)) {
      const problem = shardNameProblem(shard)
      if (problem) refuse(problem, `tensor ${quote(tensor)} names the shard ${quote(shard)}`, tensor)
      if (shards.add(shard).size > MAX_SHARDS) refuse('INDEX_BAD', `more than ${MAX_SHARDS} shards`, tensor)
    }
    return shard
  }

  json.object((key) => {
    if (key === 'metadata' && json.peek() === '{') {
      metadata = json.value() as Readonly<Record<string, JsonValue>>
    } else if (key === 'weight_map') {
      const map = new Map<string, string>()
      json.object((tensor) => map.set(tensor, readShardName(tensor)))
      weightMap = map
    } else {
      json.skip()
    }
  })
  json.end()
  return { metadata, weightMap: weightMap ?? refuse('INDEX_BAD', '"weight_map" is missing') }
}

/** A shard lies in the folder of its index or below. Both kinds of paths count, so that a folder is safe everywhere. */
function shardNameProblem(shard: string): SafetensorsErrorCode | undefined {
  const rooted = posix.isAbsolute(shard) || win32.parse(shard).root !== ''
  if (rooted || shard.split(/[/\\]/).includes('..')) return 'INDEX_PATH_ESCAPES'
  return shard === '' || shard.includes('\0') ? 'INDEX_BAD' : undefined
}
