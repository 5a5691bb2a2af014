import { join } from 'node:path'
import type { Server, ServerOption, ServerSettings } from '@hfquant/server'
import { type Command, Option } from 'commander'
import { cacheFolder } from 'hfquant'
import { type CommandSetup, type CommonOptions, withCommonOptions } from '../command-setup.js'
import { UsageError } from '../output/failure.js'
import { printJson } from '../output/print.js'
import type { Terminal } from '../output/terminal.js'

/** Values of flags: texts, lists of them, and switches. */
type ServeOptions = CommonOptions & { readonly config?: string } & Readonly<
    Record<string, string | readonly string[] | boolean | undefined>
  >

export function addServe(program: Command, setup: CommandSetup): void {
  const command = program
    .command('serve')
    .description(
      'Serve models to clients of OpenAI, Anthropic and Ollama: chats, completions, embeddings; and entities, with GLiNER.',
    )
    .argument('[models...]', '[NAME=]MODEL each: a model folder, a GGUF file, or the hub id of a model')
  const options = setup.serverOptions
  if (options === undefined) {
    command.allowUnknownOption().action(() => {
      throw serverMissing()
    })
    return
  }
  for (const [name, option] of Object.entries(options)) command.addOption(flagOf(name, option))
  command.option('--config <file>', 'YAML or JSON file with these options by their long names')
  withCommonOptions(command, [
    'hfquant serve ./TinyLlama-1.1B-quantized',
    'hfquant serve ./TinyLlama-1.1B --quantize int8-weight-only --port 8080',
    'hfquant serve small=./tiny large=TinyLlama/TinyLlama-1.1B-Chat-v1.0 --load lazy --keep-alive 5m',
  ])
    .addHelpText(
      'after',
      '\nEvery option has a variable: HFQUANT_MAX_QUEUE is --max-queue, HFQUANT_MODEL the models; a flag wins over a variable, a variable over the file.',
    )
    .action((models: readonly string[], given: ServeOptions) => serve(models, given, setup))
}

/** A flag as the parser knows it; its value stays a text, which the server reads as it reads variables. */
function flagOf(
  name: string,
  { short, value, help, isList, isOnByDefault, ...option }: ServerOption,
): Option {
  const long = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const isTold =
    option.default !== undefined && option.default !== false && !isList && !help.includes('default:')
  const described = isTold && value !== undefined ? `${help} (default: ${String(option.default)})` : help
  const flag = `--${isOnByDefault ? 'no-' : ''}${long}${value === undefined ? '' : ` ${value}`}`
  const parsed = new Option(short === undefined ? flag : `-${short}, ${flag}`, described)
  return isList
    ? parsed.argParser((one: string, all: readonly string[] | undefined) => [...(all ?? []), one])
    : parsed
}

async function serve(
  named: readonly string[],
  { json, verbose, config, ...given }: ServeOptions,
  { terminal, signal }: CommandSetup,
): Promise<void> {
  const { createServer, nameModels, resolveSettings } = await importServer()
  const { settings, models, warnings } = await resolveSettings({
    flags: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, flagText(name, value)])),
    models: named,
    environment: process.env,
    configFile: config,
  })
  for (const warning of warnings) terminal.line(`warning: ${warning}`)
  const { port } = settings
  const madeKeyFile = port === 0 ? undefined : join(cacheFolder(), 'server-keys', String(port))
  const server = await createServer({
    ...settings,
    models: nameModels(models),
    madeKeyFile,
  })
  process.on('SIGHUP', () => {
    server.reloadKeys().catch((error: Error) => terminal.line(`warning: ${error.message}`))
  })
  try {
    const { url } = await server.listen()
    const entries = await Promise.race([server.loaded(), interrupted(signal)])
    if (entries !== undefined) {
      announce(entries, terminal)
      announceKey(server, madeKeyFile, terminal)
      terminal.line(`listening on ${url}`)
      if (json) printJson({ url, pid: process.pid, models: entries.map(({ name }) => name) })
      await interrupted(signal)
    }
  } finally {
    const wasCut = await server.close({ shutdownDelay: shutdownDelay(settings) })
    if (wasCut) process.exitCode = 1
  }
}

const importServer = (): Promise<typeof import('@hfquant/server')> =>
  import('@hfquant/server').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ERR_MODULE_NOT_FOUND' ? serverMissing() : error
  })

/** A switch that is on by default is given only when it is turned off. */
function flagText(name: string, value: string | readonly string[] | boolean | undefined) {
  if (name === 'auth' && value === true) return undefined
  return typeof value === 'boolean' ? String(value) : value
}

const interrupted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })

/** Behind a balancer, which takes a while to send nothing more; on a terminal nobody waits for that. */
const shutdownDelay = ({ shutdownDelay }: Pick<ServerSettings, 'shutdownDelay'>): number =>
  shutdownDelay ?? (process.stderr.isTTY ? 0 : 5)

function announce(entries: Awaited<ReturnType<Server['loaded']>>, terminal: Terminal): void {
  for (const { name, loaded } of entries) {
    const { kind, contextLength, quantization } = loaded ?? {}
    const bits = quantization?.bits_per_weight
    const how =
      quantization == null
        ? 'not quantized'
        : `${quantization.recipe ?? quantization.method}${bits == null ? '' : `, ${bits.toFixed(2)} bits per weight`}`
    terminal.line(
      loaded === undefined
        ? `${name}: loaded by its first request`
        : `${name}: ${kind}, ${contextLength} tokens, ${how}`,
    )
  }
}

/** A key is shown once: what is written at every start ends up in every log of them. */
function announceKey({ madeKey }: Server, file: string | undefined, terminal: Terminal): void {
  if (madeKey === undefined) return
  terminal.line(madeKey.isNew ? `key: ${madeKey.key}` : `key: as before, kept in ${file}`)
}

const serverMissing = (): UsageError =>
  new UsageError('SERVER_MISSING', 'the package @hfquant/server is not installed', {
    hint: 'Install it beside the command: npm install @hfquant/server',
  })
