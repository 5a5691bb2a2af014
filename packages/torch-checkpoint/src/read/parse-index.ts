import { posix, win32 } from 'node:path'
import { quote, type Refuse, refuseFor, type TorchCheckpointErrorCode } from '../errors.js'

/** What `pytorch_model.bin.index.json` says. */
export interface TorchIndex {
  /** Free form; usually `total_size` in bytes. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** Entry of the state dict to shard, in file order. */
  readonly weightMap: ReadonlyMap<string, string>
}

/** Far above any model in use; each shard keeps one descriptor open. */
const MAX_SHARDS = 10_000

/** Parses and checks the text of an index; whether the shards exist is not its concern. */
export function parseIndex(text: string, file: string): TorchIndex {
  const refuse = refuseFor(file)
  const index = asRecord(parseJson(text, refuse)) ?? refuse('INDEX_BAD', 'the index is not an object')
  const weights = asRecord(own(index, 'weight_map')) ?? refuse('INDEX_BAD', '"weight_map" is missing')

  const weightMap = new Map<string, string>()
  const shards = new Set<string>()
  for (const [tensor, shard] of Object.entries(weights)) {
    if (typeof shard !== 'string') {
      return refuse('INDEX_BAD', `the shard of tensor ${quote(tensor)} is not a string`, { tensor })
    }
    if (!shards.has(shard)) {
      const problem = shardNameProblem(shard)
      if (problem) refuse(problem, `tensor ${quote(tensor)} names the shard ${quote(shard)}`, { tensor })
      if (shards.add(shard).size > MAX_SHARDS)
        refuse('INDEX_BAD', `more than ${MAX_SHARDS} shards`, { tensor })
    }
    weightMap.set(tensor, shard)
  }
  return { metadata: asRecord(own(index, 'metadata')) ?? {}, weightMap }
}

function parseJson(text: string, refuse: Refuse): unknown {
  try {
    return parsePythonJson(text)
  } catch (cause) {
    return refuse('INDEX_BAD', `the index is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return JSON.parse(text.replace(NON_FINITE, (found) => (found.startsWith('"') ? found : 'null')))
  }
}

/**
 * Strings, to leave them alone, and what Python writes for floats that JSON has no number for. A string that does not end
 * is one, too: otherwise each of its quotes would be tried as the beginning of another.
 */
const NON_FINITE = /"(?:[^"\\]|\\.)*"?|NaN|-?Infinity/gs

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isRecord ? (value as Record<string, unknown>) : undefined
}

function own(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** A shard lies in the folder of its index or below. Both kinds of paths count, so that a folder is safe everywhere. */
function shardNameProblem(shard: string): TorchCheckpointErrorCode | undefined {
  const rooted = posix.isAbsolute(shard) || win32.parse(shard).root !== ''
  if (rooted || shard.split(/[/\\]/).includes('..')) return 'INDEX_PATH_ESCAPES'
  return shard === '' || shard.includes('\0') ? 'INDEX_BAD' : undefined
}
