import type { AddressInfo } from 'node:net'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { ConfigError } from 'hfquant'
import { createApp } from './app.js'
import { type KeyRing, keyRing, plainKey } from './auth/api-keys.js'
import { isLoopbackHost } from './auth/browser-guard.js'
import { type MadeKey, makeKey } from './auth/made-key.js'
import { readKeys } from './auth/read-keys.js'
import type { ServerContext } from './context.js'
import { createLifecycle, shuttingDown } from './lifecycle.js'
import { loggerOptions } from './log/logger-options.js'
import { createMetrics } from './metrics/metrics.js'
import { listenForMetrics, type MetricsListener } from './metrics/metrics-listener.js'
import { type LoadModel, loadModel } from './models/load-model.js'
import { createModelEntry, type ModelEntry } from './models/model-entry.js'
import { aliasesOf, planModels, type ServedModel } from './models/plan-models.js'
import { createLoadTurns, createRegistry } from './models/registry.js'
import { createKeyLimits } from './queue/token-limit.js'
import { SERVER_OPTIONS, type ServerSettings } from './settings/options.js'
import { LONGEST_TIMER } from './settings/parse-values.js'
import { checkSettings, isServerOption, ServerUsageError } from './settings/resolve-settings.js'

/** How a server is made: the options of `hfquant serve` in camel case, durations in seconds but for `keepAlive`. */
export interface ServerOptions extends Partial<ServerSettings> {
  /** By name. */
  readonly models: Readonly<Record<string, ServedModel>>
  /** Keys that requests may come with, besides those of `apiKeyFile`. Without any, one is made; see `madeKey`. */
  readonly apiKeys?: readonly string[] | undefined
  /** Where a key that is made is kept for the next start. Default: nowhere. */
  readonly madeKeyFile?: string | undefined
}

/** What is not for everybody: tests put their own models in. */
export interface ServerParts {
  readonly load?: LoadModel | undefined
  readonly logStream?: { write(text: string): unknown } | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

export interface Listening {
  readonly url: string
  readonly port: number
}

/** An inference server. Its models are loaded while it begins to listen already. */
export interface Server extends AsyncDisposable {
  /** The key that was made because there was none, by this start or an earlier one. */
  readonly madeKey: MadeKey | undefined
  /** @throws the system's error for an address that cannot be had. */
  listen(address?: { readonly port?: number }): Promise<Listening>
  /** Answers a request without a socket. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>
  /**
   * Resolves when every model that is not loaded by its first request is ready.
   *
   * @throws what the first of them failed with.
   */
  loaded(): Promise<readonly ModelEntry[]>
  /** Reads the file with the keys again. @throws ConfigError KEY_FILE; the keys are then what they were. */
  reloadKeys(): Promise<void>
  /**
   * Ends the server: new requests are refused after `shutdownDelay`, those that run are given `drainTimeout` to end.
   * Happens once, however often it is called.
   *
   * @returns whether an answer was cut off.
   */
  close(options?: { readonly shutdownDelay?: number; readonly drainTimeout?: number }): Promise<boolean>
}

/**
 * Makes a server; nothing of a model is read before its options are checked.
 *
 * @throws ServerUsageError for options; ConfigError KEY_FILE; HubError for a model that cannot be had.
 */
export async function createServer(options: ServerOptions, parts: ServerParts = {}): Promise<Server> {
  const { models, apiKeys = [], madeKeyFile, ...given } = options
  const { environment = process.env, load = loadModel } = parts
  const settings = settingsOf(given)
  checkSettings(settings, environment, isLoopbackHost(settings.host))
  const plans = await planModels(models, settings)
  const lifecycle = createLifecycle()
  const failures: unknown[] = []

  let ring: KeyRing
  const readRing = async () => keyRing(await readKeys(settings, apiKeys, environment))
  ring = await readRing()
  const madeKey = ring.size === 0 && settings.auth ? await makeKey(madeKeyFile) : undefined
  if (madeKey !== undefined) ring = keyRing([plainKey(madeKey.key, 'made')])
  if (!settings.auth) ring = keyRing([])

  const turns = createLoadTurns(() => entries, settings.maxLoaded ?? plans.length)
  const aliases = aliasesOf(settings, plans)
  const entries: readonly ModelEntry[] = plans.map((plan) =>
    createModelEntry({
      ...{ plan, load },
      aliases: aliases.get(plan.name) ?? [],
      admission: { ...settings, queueTimeout: settings.queueTimeout * 1000 },
      keepAlive: settings.keepAlive,
      inTurn: turns.inTurn,
      onIdle: turns.notify,
      onLoaded(entry, seconds) {
        const { quantization = null } = entry.loaded ?? {}
        context.metrics.modelLoaded(entry.name, seconds, quantization?.bits_per_weight ?? null)
        app.log.info(
          { model: entry.name, seconds: Math.round(seconds * 10) / 10, quantization },
          'model loaded',
        )
      },
      onFailed(entry, error) {
        failures.push(error)
        app.log.error({ model: entry.name, err: error }, 'model failed')
      },
      onSuspect(entry, requestId) {
        app.log.error({ model: entry.name, req_id: requestId }, 'request ran when the session ended twice')
      },
    }),
  )
  const context: ServerContext = {
    ...{ settings, lifecycle },
    registry: createRegistry(entries),
    metrics: createMetrics(settings.metricsPrefix, () => entries),
    limits: createKeyLimits(),
    keys: () => ring,
    created: Math.floor(Date.now() / 1000),
  }
  const app = createApp(context, loggerOptions(settings, parts.logStream ?? process.stderr))
  const loading = settings.load === 'lazy' ? Promise.resolve() : loadAll(entries)
  const loaded = loading.then(() => {
    if (lifecycle.phase === 'starting') lifecycle.phase = 'ready'
  })
  let closing: Promise<boolean> | undefined
  let metricsListener: MetricsListener | undefined

  const close = async (shutdownDelay: number, drainTimeout: number): Promise<boolean> => {
    lifecycle.phase = 'draining'
    await sleep(shutdownDelay * 1000)
    lifecycle.phase = 'closing'
    const ended = app.close()
    for (const { admission } of entries) admission.refuseWaiting(shuttingDown())
    await Promise.race([lifecycle.idle(), sleep(drainTimeout * 1000)])
    lifecycle.cut()
    await Promise.race([lifecycle.idle(), sleep(LAST_WORDS)])
    app.server.closeAllConnections()
    await metricsListener?.close()
    await ended
    await Promise.all(entries.map((entry) => entry.close()))
    return lifecycle.hasCut
  }

  const server: Server = {
    madeKey,
    async listen({ port = settings.port } = {}) {
      await app.listen({ host: settings.host, port })
      if (settings.metricsListen !== undefined)
        metricsListener = await listenForMetrics(settings.metricsListen, context.metrics)
      const bound = app.addresses()[0] as AddressInfo
      const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
      return { url: `http://${name}:${bound.port}`, port: bound.port }
    },
    inject: (request) => app.inject({ ...request, headers: { host: 'localhost', ...request.headers } }),
    async loaded() {
      await loaded
      if (settings.load === 'eager' && failures.length > 0) throw failures[0]
      return entries
    },
    async reloadKeys() {
      const { auth, apiKeyFile } = settings
      if (!auth || apiKeyFile === undefined) return
      const read = await readRing()
      if (read.size === 0) {
        throw new ConfigError('KEY_FILE', `the key file ${apiKeyFile} holds no keys; those before it stay`, {
          file: apiKeyFile,
          hint: 'Write a key into it, or end the server: without keys it would let everybody in.',
        })
      }
      ring = read
    },
    close({ shutdownDelay = 0, drainTimeout = settings.drainTimeout } = {}) {
      closing ??= close(shutdownDelay, drainTimeout)
      return closing
    },
    async [Symbol.asyncDispose]() {
      await server.close()
    },
  }
  return server
}

/** Milliseconds in which answers that are cut off say so. */
const LAST_WORDS = 2000

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER)).unref()
  })

async function loadAll(entries: readonly ModelEntry[]): Promise<void> {
  const never = new AbortController().signal
  for (const entry of entries) {
    // A failure is kept by whoever was told of it.
    await entry.use(never).then(
      (lease) => lease.release(),
      () => {},
    )
  }
}

function settingsOf(given: Partial<ServerSettings>): ServerSettings {
  const unknown = Object.keys(given).find((name) => !isServerOption(name))
  if (unknown !== undefined) {
    throw new ServerUsageError('OPTION_UNKNOWN', `createServer has no option "${unknown}"`, {
      field: unknown,
      expected: Object.keys(SERVER_OPTIONS),
    })
  }
  const defaults = Object.entries(SERVER_OPTIONS).map(([name, option]) => [name, option.default])
  const named = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(named) } as ServerSettings
}
