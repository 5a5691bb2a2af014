import { byteSize, duration, LONGEST_TIMER } from './parse-values.js'

/** How a server is set up; the same names are flags (`--max-queue`), variables (`HFQUANT_MAX_QUEUE`) and keys of a file. */
export interface ServerSettings {
  readonly host: string
  readonly port: number
  readonly dtype: string | undefined
  readonly quantize: string | undefined
  readonly kvCacheDtype: 'float32' | 'float16' | undefined
  readonly threads: number | undefined
  readonly maxSequences: number
  /** Bytes, per model. */
  readonly kvCacheMemory: number | undefined
  readonly maxQueue: number
  readonly queueTimeout: number
  readonly requestTimeout: number
  readonly defaultMaxTokens: number
  readonly maxTokensLimit: number | undefined
  readonly shutdownDelay: number | undefined
  readonly drainTimeout: number
  readonly bodyLimit: number
  readonly apiKeyFile: string | undefined
  readonly auth: boolean
  readonly allowOrigin: readonly string[]
  readonly allowHost: readonly string[]
  readonly chatTemplate: string | undefined
  readonly toolFormat: 'auto' | 'hermes' | 'llama3' | 'mistral'
  readonly reasoning: 'auto' | 'off'
  readonly reasoningField: 'reasoning' | 'reasoning_content' | 'both'
  readonly generationConfig: 'auto' | 'none'
  readonly load: 'eager' | 'lazy'
  readonly keepAlive: number
  readonly maxLoaded: number | undefined
  readonly alias: readonly string[]
  readonly maxBatchSize: number
  readonly batchWaitMs: number
  readonly maxLabels: number
  readonly defaultThreshold: number
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly metricsPrefix: string
  readonly metricsListen: string | undefined
}

/** One option, wherever it is given. */
export interface ServerOption {
  /** Letter of the short flag. */
  readonly short?: string
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string
  readonly help: string
  /** Given several times as a flag, separated by commas in a variable. */
  readonly isList?: boolean
  /** A switch that is on, and turned off by `--no-…`. */
  readonly isOnByDefault?: boolean
  /** Undefined where the model or the machine decides. */
  readonly default: unknown
  readonly expected: string
  /** The value of a text; undefined for a wrong one. */
  read(text: string): unknown
  /** Name of a variable that means the same to other servers. */
  readonly alias?: string
}

const wholeFrom = (least: number) => ({
  expected: `a whole number of at least ${least}`,
  read: (text: string) => (/^\d{1,15}$/.test(text) && Number(text) >= least ? Number(text) : undefined),
})
const numberFrom = (least: number, most = Number.POSITIVE_INFINITY) => ({
  expected: most === Infinity ? `a number of at least ${least}` : `a number from ${least} to ${most}`,
  read: (text: string) =>
    /^\d{1,15}(\.\d+)?$/.test(text) && Number(text) >= least && Number(text) <= most
      ? Number(text)
      : undefined,
})
const anyText = { expected: 'a text', read: (text: string) => (text === '' ? undefined : text) }
const oneOf = (...names: readonly string[]) => ({
  expected: `one of ${names.join(', ')}`,
  read: (text: string) => (names.includes(text) ? text : undefined),
})
const SWITCHES: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false }
const onOrOff = { expected: 'true or false', read: (text: string) => SWITCHES[text] }
export const MOST_SECONDS = Math.floor(LONGEST_TIMER / 1000)
const secondsFrom = (least: number) => ({ value: '<seconds>', ...numberFrom(least, MOST_SECONDS) })
const seconds = secondsFrom(0)

/** Every option but the models and the file. */
export const SERVER_OPTIONS = {
  host: { short: 'H', value: '<host>', default: '127.0.0.1', help: 'address to listen on', ...anyText },
  port: { short: 'p', value: '<port>', default: 8137, help: 'port; 0: any free one', ...wholeFrom(0) },
  dtype: {
    ...{ value: '<name>', default: undefined, alias: 'GLINER_DTYPE', ...anyText },
    help: 'precision of what is not quantized (default: that of the model)',
  },
  quantize: {
    ...{ value: '<recipe>', default: undefined, alias: 'GLINER_QUANTIZATION', ...anyText },
    help: 'quantize a float model while it is loaded; a quantized one needs no option',
  },
  kvCacheDtype: {
    ...{ value: '<name>', default: undefined, ...oneOf('float32', 'float16') },
    help: 'type of cached keys and values; float16 halves their memory',
  },
  threads: {
    ...{ value: '<n>', default: undefined, ...wholeFrom(1) },
    help: 'threads that compute (default: one per core that this process may use)',
  },
  maxSequences: { value: '<n>', default: 16, help: 'sequences that run at once, per model', ...wholeFrom(1) },
  kvCacheMemory: {
    ...{ value: '<size>', default: undefined, expected: 'a size such as 2GiB', read: byteSize },
    help: 'keys and values of a model (default: a quarter of the memory, shared by all models)',
  },
  maxQueue: { value: '<n>', default: 64, help: 'choices that wait, per model', ...wholeFrom(0) },
  queueTimeout: { default: 30, help: 'longest wait', ...seconds },
  requestTimeout: { default: 600, help: 'longest time of an answer', ...secondsFrom(1) },
  defaultMaxTokens: {
    ...{ value: '<n>', default: 512, ...wholeFrom(1) },
    help: 'tokens of a chat answer where neither request nor model says',
  },
  maxTokensLimit: {
    ...{ value: '<n>', default: undefined, ...wholeFrom(1) },
    help: 'tokens of any answer at most (default: what the context leaves)',
  },
  shutdownDelay: {
    ...{ ...seconds, default: undefined },
    help: 'time between the signal to end and the end of listening (default: 5, on a terminal 0)',
  },
  drainTimeout: { default: 60, help: 'time that running answers are given to end', ...seconds },
  bodyLimit: {
    ...{ value: '<size>', default: 4 * 2 ** 20, expected: 'a size such as 4MiB', read: byteSize },
    help: 'largest body of a request (default: 4MiB)',
  },
  apiKeyFile: {
    ...{ value: '<file>', default: undefined, ...anyText },
    help: 'file with one key per line; HFQUANT_API_KEY holds keys, too',
  },
  auth: { default: true, isOnByDefault: true, help: 'ask nobody for a key', ...onOrOff },
  allowOrigin: {
    ...{ value: '<origin>', isList: true, default: [], ...anyText },
    help: 'origin whose pages may use the server; may be repeated',
  },
  allowHost: {
    ...{ value: '<host>', isList: true, default: [], ...anyText },
    help: 'further name that the server is called by; may be repeated',
  },
  chatTemplate: {
    ...{ value: '<file>', default: undefined, ...anyText },
    help: 'Jinja template in place of the one of the model',
  },
  toolFormat: {
    ...{ value: '<name>', default: 'auto', ...oneOf('auto', 'hermes', 'llama3', 'mistral') },
    help: 'how the model writes calls of functions (default: what its template says)',
  },
  reasoning: {
    ...{ value: '<auto|off>', default: 'auto', ...oneOf('auto', 'off') },
    help: 'whether reasoning is told apart from the content of answers',
  },
  reasoningField: {
    ...{ value: '<name>', default: 'reasoning', ...oneOf('reasoning', 'reasoning_content', 'both') },
    help: 'field that reasoning is answered in',
  },
  generationConfig: {
    ...{ value: '<auto|none>', default: 'auto', ...oneOf('auto', 'none') },
    help: 'whether generation_config.json says how to sample',
  },
  load: {
    ...{ value: '<eager|lazy>', default: 'eager', ...oneOf('eager', 'lazy') },
    help: 'load models at the start, or with their first request',
  },
  keepAlive: {
    ...{ value: '<duration>', default: -1, expected: 'a duration such as 5m, or -1 for ever' },
    read: duration,
    help: 'idle time until a model is unloaded: 5m, 90s; -1: never',
  },
  maxLoaded: {
    ...{ value: '<n>', default: undefined, ...wholeFrom(1) },
    help: 'models that are loaded at once (default: all)',
  },
  alias: {
    ...{ value: '<alias=name>', isList: true, default: [], expected: 'ALIAS=NAME' },
    read: (text: string) => (/^[^=]+=[^=]+$/.test(text) ? text : undefined),
    help: 'further name of a model; may be repeated',
  },
  maxBatchSize: {
    ...{ value: '<n>', default: 32, alias: 'GLINER_MAX_BATCH_SIZE', ...wholeFrom(1) },
    help: 'texts of an encoder that are computed together',
  },
  batchWaitMs: {
    ...{ value: '<ms>', default: 5, alias: 'GLINER_BATCH_WAIT_MS', ...numberFrom(0, LONGEST_TIMER) },
    help: 'how long a text waits for company',
  },
  maxLabels: { value: '<n>', default: 100, help: 'labels of a request for entities', ...wholeFrom(1) },
  defaultThreshold: {
    ...{ value: '<score>', default: 0.5, ...numberFrom(0, 1) },
    help: 'score of entities where a request says none',
  },
  logLevel: {
    ...{ value: '<level>', default: 'info', ...oneOf('debug', 'info', 'warn', 'error', 'silent') },
    help: 'what is logged to standard error',
  },
  metricsPrefix: {
    ...{ value: '<prefix>', default: 'hfquant_', expected: 'letters, digits, "_" and ":"' },
    read: (text: string) => (/^[A-Za-z_:][\w:]*$/.test(text) ? text : undefined),
    help: 'beginning of the names of metrics; "vllm:" suits its dashboards',
  },
  metricsListen: {
    ...{ value: '<host:port>', default: undefined, expected: 'HOST:PORT' },
    read: (text: string) => (/^.+:\d{1,5}$/.test(text) ? text : undefined),
    help: 'a listener for metrics alone, without a key',
  },
} as const satisfies Readonly<Record<keyof ServerSettings, ServerOption>>

export type ServerOptionName = keyof ServerSettings

/** "maxQueue" as it is written in a file: "max-queue". */
export const longName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** "maxQueue" as a variable of the environment. */
export const variableName = (name: string): string =>
  `HFQUANT_${longName(name).toUpperCase().replaceAll('-', '_')}`
