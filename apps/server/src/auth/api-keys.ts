import { createHash, timingSafeEqual } from 'node:crypto'
import { ConfigError } from 'hfquant'

/** One who may ask. The name stands for the key everywhere: in logs, metrics and queues. */
export interface ApiKey {
  readonly name: string
  /** SHA-256 of the key. */
  readonly digest: Buffer
  /** Names of models that may be asked; undefined: all. */
  readonly models?: readonly string[] | undefined
  /** Choices at once, waiting ones included. */
  readonly maxConcurrent?: number | undefined
  readonly tokensPerMinute?: number | undefined
}

/** Finds the key of a request. */
export interface KeyRing {
  /** Keys that are known; none where nobody is asked for one. */
  readonly size: number
  find(key: string): ApiKey | undefined
}

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest()

/**
 * Every key is compared, in constant time: how long an answer takes tells nothing about the keys there are.
 */
export const keyRing = (keys: readonly ApiKey[]): KeyRing => ({
  size: keys.length,
  find(key) {
    const digest = digestOf(key)
    let found: ApiKey | undefined
    for (const known of keys) if (timingSafeEqual(known.digest, digest)) found = known
    return found
  },
})

export const plainKey = (key: string, name: string): ApiKey => ({ name, digest: digestOf(key) })

/**
 * The keys of a file: a line each, of the form `key`, `name:key`, or JSON
 * `{"name","sha256","models"?,"maxConcurrent"?,"tokensPerMinute"?}`. Empty lines and those that begin with # say nothing.
 *
 * @throws ConfigError KEY_FILE naming the line, never the key.
 */
export function readKeyLines(content: string, file: string): readonly ApiKey[] {
  return content.split('\n').flatMap((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return []
    const where = `line ${index + 1}`
    if (line.startsWith('{')) return [readKeyRecord(line, where, file)]
    const [, name, key = line] = /^([\w.-]{1,64}):(.+)$/.exec(line) ?? []
    return [plainKey(key, name ?? `key-${index + 1}`)]
  })
}

function readKeyRecord(line: string, where: string, file: string): ApiKey {
  const wrong = (what: string) =>
    new ConfigError('KEY_FILE', `${where} of the key file ${what}`, {
      file,
      expected: '{"name","sha256","models"?,"maxConcurrent"?,"tokensPerMinute"?}',
      hint: 'Write the SHA-256 of the key as 64 hexadecimal digits.',
    })
  let record: Record<string, unknown>
  try {
    record = JSON.parse(line) as Record<string, unknown>
  } catch {
    throw wrong('is no valid JSON')
  }
  const { name, sha256, models, maxConcurrent, tokensPerMinute } = record
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) throw wrong('has no usable name')
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) throw wrong('has no usable sha256')
  if (models !== undefined && !(Array.isArray(models) && models.every((one) => typeof one === 'string')))
    throw wrong('has models that are no list of names')
  for (const limit of [maxConcurrent, tokensPerMinute]) {
    if (limit !== undefined && !(Number.isSafeInteger(limit) && (limit as number) > 0))
      throw wrong('has a limit that is no whole number above 0')
  }
  return {
    name,
    digest: Buffer.from(sha256, 'hex'),
    models: models as readonly string[] | undefined,
    maxConcurrent: maxConcurrent as number | undefined,
    tokensPerMinute: tokensPerMinute as number | undefined,
  }
}
