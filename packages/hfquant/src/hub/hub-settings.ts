import { readFile } from 'node:fs/promises'
import { ConfigError, hubCacheFolder, hubTokenFile } from '@hfquant/core/runtime'

/** Where the hub is, who asks, and where its files are kept. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string
  readonly token: string | undefined
  /** The folder that holds `models--org--name`. */
  readonly cacheFolder: string
  readonly offline: boolean
  /** Seconds without a byte after which a connection is given up. */
  readonly silence: number
}

const DEFAULT_SILENCE = 30

type Variables = Readonly<Record<string, string | undefined>>

/**
 * Reads the variables that Python's huggingface_hub reads, with the same meaning and precedence: `HF_ENDPOINT`;
 * `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`; `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`;
 * `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_HUB_DOWNLOAD_TIMEOUT`,
 * whose default is 30 seconds here. An empty variable counts as unset.
 *
 * @throws ConfigError `HF_ENDPOINT_INVALID`, `HF_TOKEN_INVALID`, neither of which shows the value;
 * `HF_TIMEOUT_INVALID`
 */
export async function hubSettings(variables: Variables): Promise<HubSettings> {
  const value = (name: string) => variables[name]?.trim() || undefined
  const isOn = (name: string) => /^(1|on|yes|true)$/i.test(value(name) ?? '')
  return {
    endpoint: parseEndpoint(value('HF_ENDPOINT') ?? 'https://huggingface.co'),
    token: isOn('HF_HUB_DISABLE_IMPLICIT_TOKEN')
      ? undefined
      : parseToken(
          value('HF_TOKEN') ?? value('HUGGING_FACE_HUB_TOKEN') ?? (await readToken(hubTokenFile(variables))),
        ),
    cacheFolder: hubCacheFolder(variables),
    offline: isOn('HF_HUB_OFFLINE') || isOn('TRANSFORMERS_OFFLINE'),
    silence: parseSilence(value('HF_HUB_DOWNLOAD_TIMEOUT')),
  }
}

function parseEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isUsable = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search
  if (isUsable) return url.href.replace(/\/+$/, '')
  throw new ConfigError('HF_ENDPOINT_INVALID', 'HF_ENDPOINT is not a plain http or https address', {
    field: 'HF_ENDPOINT',
    hint: 'Set it to an address like https://huggingface.co, without user name, password or query.',
  })
}

/** What timers of the runtime take; a day. */
const MAX_SILENCE = 86_400

function parseSilence(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SILENCE
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  if (seconds > 0 && seconds <= MAX_SILENCE) return seconds
  throw new ConfigError(
    'HF_TIMEOUT_INVALID',
    `HF_HUB_DOWNLOAD_TIMEOUT is ${JSON.stringify(text.slice(0, 40))}`,
    {
      field: 'HF_HUB_DOWNLOAD_TIMEOUT',
      found: text,
      expected: `seconds, above 0 and up to ${MAX_SILENCE}`,
      hint: `Set it to a number of seconds, or leave it out for ${DEFAULT_SILENCE}.`,
    },
  )
}

/** `fetch` repeats a header that it refuses in its message, so that a damaged token must not get that far. */
function parseToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  throw new ConfigError('HF_TOKEN_INVALID', 'the access token holds characters that no token has', {
    field: 'HF_TOKEN',
    hint: 'Check HF_TOKEN or the token file for spaces, line breaks or quotes inside.',
  })
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ConfigError('HF_TOKEN_INVALID', `the token file ${path} cannot be read: ${code}`, {
      file: path,
      hint: 'Make the file readable, or set HF_TOKEN.',
    })
  }
}
