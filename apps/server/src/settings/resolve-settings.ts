import { readFile } from 'node:fs/promises'
import { ConfigError, HfquantError } from 'hfquant'
import { parse } from 'yaml'
import {
  longName,
  MOST_SECONDS,
  SERVER_OPTIONS,
  type ServerOption,
  type ServerOptionName,
  type ServerSettings,
  variableName,
} from './options.js'

/** The server was called in a way that it does not offer. */
export class ServerUsageError extends HfquantError {
  static override readonly family: string = 'hfquant.usage.server'
}

/** Where settings come from; what stands first wins. */
export interface SettingSources {
  /** Texts of flags by their camel-case names; switches are "true" or "false". */
  readonly flags: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly models: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A YAML or JSON file with the long names. */
  readonly configFile: string | undefined
}

export interface ResolvedSettings {
  readonly settings: ServerSettings
  /** `[NAME=]MODEL` each. */
  readonly models: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Flags, then variables, then the file, then defaults.
 *
 * @throws ServerUsageError naming the option; ConfigError for a file that cannot be read.
 */
export async function resolveSettings(sources: SettingSources): Promise<ResolvedSettings> {
  const { flags, environment } = sources
  const file = sources.configFile === undefined ? {} : await readSettingsFile(sources.configFile)
  const warnings: string[] = []
  const settings = Object.fromEntries(
    Object.entries<ServerOption>(SERVER_OPTIONS).map(([name, option]) => {
      const alias = option.alias === undefined ? undefined : environment[option.alias]
      const variable = environment[variableName(name)]
      if (variable === undefined && alias !== undefined) {
        warnings.push(`${option.alias} is read as ${variableName(name)}, which is its name here`)
      }
      const [where, given] = firstGiven([
        [`--${longName(name)}`, flags[name]],
        [variableName(name), splitList(option, variable)],
        [option.alias ?? '', splitList(option, alias)],
        [longName(name), file[longName(name)]],
      ])
      return [name, given === undefined ? option.default : readOption(where, given, option)]
    }),
  ) as unknown as ServerSettings
  const models = firstModels([
    sources.models,
    environment.HFQUANT_MODEL?.split(','),
    environment.GLINER_MODEL === undefined ? undefined : [environment.GLINER_MODEL],
    [file.models ?? []].flat() as string[],
  ])
  return { settings, models, warnings }
}

type Given = string | readonly string[]

const firstGiven = (
  all: readonly (readonly [string, Given | undefined])[],
): readonly [string, Given | undefined] =>
  all.find(([, value]) => value !== undefined && value.length > 0) ?? ['', undefined]

const firstModels = (all: readonly (readonly string[] | undefined)[]): readonly string[] =>
  all.find((models) => models !== undefined && models.length > 0) ?? []

const splitList = ({ isList }: ServerOption, value: string | undefined): Given | undefined =>
  value !== undefined && isList === true ? value.split(',').map((item) => item.trim()) : value

function readOption(where: string, given: Given, option: ServerOption): unknown {
  const texts = [given].flat()
  const values = texts.map((text) => {
    const value = option.read(text)
    if (value !== undefined) return value
    throw new ServerUsageError('OPTION_VALUE', `${where} is "${text}", expected ${option.expected}`, {
      field: where,
      found: text,
      expected: option.expected,
    })
  })
  return option.isList === true ? values : values.at(-1)
}

async function readSettingsFile(path: string): Promise<Readonly<Record<string, Given | undefined>>> {
  const content = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError('CONFIG_UNREADABLE', `the settings file ${path} cannot be read: ${cause.code}`, {
      cause,
      file: path,
      hint: 'Check the path that --config gives.',
    })
  })
  let parsed: unknown
  try {
    parsed = parse(content, { maxAliasCount: 0 })
  } catch (cause) {
    throw new ConfigError(
      'CONFIG_INVALID',
      `the settings file ${path} is no YAML: ${(cause as Error).message}`,
      {
        cause,
        file: path,
      },
    )
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ConfigError('CONFIG_INVALID', `the settings file ${path} holds no names and values`, {
      file: path,
    })
  }
  const known = ['models', ...Object.keys(SERVER_OPTIONS).map(longName)]
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => {
      if (known.includes(name)) return [name, Array.isArray(value) ? value.map(String) : String(value)]
      throw new ServerUsageError('OPTION_UNKNOWN', `${path} has the unknown key "${name}"`, {
        file: path,
        field: name,
        expected: known,
        hint: `The keys are ${known.join(', ')}.`,
      })
    }),
  )
}

/** Checks that one by one cannot be made. @throws ServerUsageError */
export function checkSettings(
  settings: ServerSettings,
  environment: Readonly<Record<string, string | undefined>>,
  isLoopback: boolean,
): void {
  if (!settings.auth && !isLoopback && environment.HFQUANT_ALLOW_PUBLIC !== '1') {
    throw new ServerUsageError('AUTH_REQUIRED', `--no-auth on ${settings.host} lets everybody in`, {
      field: '--no-auth',
      hint: 'Leave out --no-auth, listen on 127.0.0.1, or set HFQUANT_ALLOW_PUBLIC=1 if a proxy asks for keys.',
    })
  }
  for (const name of ['queueTimeout', 'requestTimeout', 'shutdownDelay', 'drainTimeout'] as const) {
    const value = settings[name] ?? 0
    if (value >= 0 && value <= MOST_SECONDS) continue
    throw new ServerUsageError(
      'OPTION_VALUE',
      `--${longName(name)} is ${value}, expected seconds up to ${MOST_SECONDS}`,
      { field: `--${longName(name)}`, found: value, expected: MOST_SECONDS },
    )
  }
  if (settings.port > 65535) {
    throw new ServerUsageError('OPTION_VALUE', `--port is ${settings.port}, expected a port up to 65535`, {
      field: '--port',
    })
  }
}

/** The names of the options, for whoever passes them as an object. */
export const isServerOption = (name: string): name is ServerOptionName => Object.hasOwn(SERVER_OPTIONS, name)
